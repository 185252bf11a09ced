"""Load: floods, many connections, half-open ones. Service goes on, and all memory comes back.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import errno
import random
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from conftest import Lan
from frames import BROADCAST, ETH_ARP, ETH_IPV4, TCP, UDP, arp, ethernet, ipv4, tcp, udp
from guest import guest_mac
from memory import assert_given_back, at_rest, counters
from traffic import (
    ECHO,
    HTTP,
    KIB,
    HttpConnection,
    assert_serves,
    exchange,
    get_page,
    random_bytes,
    read_exactly,
    reset,
    start_page,
)

pytestmark = pytest.mark.any_transport

MINIMUM_BYTES = 60  # of an Ethernet frame, without the checksum that only wires have
FLOOD_FRAMES = 200_000
LONG_FLOOD_S = 30
ECHO_CONNECTIONS = 64  # TCP_ECHO_CONNECTIONS in examples/apps/echo/tcp_echo.c
HTTP_CONNECTIONS = 24
SYNS = 10_000
SYN = 0x02


def smallest_frames(lan: Lan) -> list[bytes]:
    """Frames of the smallest size: some that nobody wants, some that are answered."""
    mac, host, guest = lan.net.mac, lan.net.HOST, lan.guest.address
    question = arp(1, mac, host, bytes(6), guest)
    frames = [
        ethernet(BROADCAST, mac, 0x88CC),
        ethernet(BROADCAST, mac, ETH_ARP, question),
        ethernet(guest_mac(), mac, ETH_ARP, question),
        ethernet(guest_mac(), mac, ETH_IPV4, ipv4(host, guest, UDP, udp(5000, 5001, b""))),
        ethernet(guest_mac(), mac, ETH_IPV4, ipv4(host, guest, TCP, tcp(host, guest, 9, 9, SYN))),
        ethernet(BROADCAST, mac, ETH_IPV4, ipv4(host, "255.255.255.255", UDP, udp(7, 7, b""))),
    ]
    return [frame.ljust(MINIMUM_BYTES, b"\0") for frame in frames]


def send_all(lan: Lan, frames: Iterator[bytes]) -> int:
    """Put frames on the tap as fast as it goes. Returns how many it were. What QEMU does not fetch
    in time is dropped by the kernel."""
    count = 0
    with lan.net.raw() as sock:
        for frame in frames:
            try:
                sock.send(frame)
                count += 1
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
    return count


def flood(lan: Lan, enough: Callable[[int], bool]) -> None:
    """A flood, with clients before and after it and an echo connection all the way through."""
    before = at_rest(lan.guest)
    received = counters(lan.guest)["rx_frames"]
    frames = smallest_frames(lan)

    def stream() -> Iterator[bytes]:
        number = 0
        while not enough(number):
            yield frames[number % len(frames)]
            number += 1

    with lan.guest.tcp(ECHO) as sock:
        assert exchange([(sock, b"before")]) == [b"before"]
        sock.sendall(b"during")  # may be lost a few times
        assert_serves(lan.guest)
        send_all(lan, stream())
        assert read_exactly(sock, 6) == b"during"
        assert exchange([(sock, b"after")]) == [b"after"]
    assert_serves(lan.guest)
    assert counters(lan.guest)["rx_frames"] > received + 1000
    assert_given_back(lan.guest, before)


def test_service_goes_on_after_a_flood_of_the_smallest_frames(web_lan: Lan) -> None:
    flood(web_lan, lambda number: number >= FLOOD_FRAMES)


@pytest.mark.long
def test_service_goes_on_after_a_flood_of_30_seconds(make_lan: Callable[..., Lan]) -> None:
    lan = make_lan("web", capture=False)
    for _ in range(3):
        end = time.monotonic() + LONG_FLOOD_S
        flood(lan, lambda number, end=end: number % 64 == 0 and time.monotonic() > end)


# ---- many connections --------------------------------------------------------------------------


def stuff(sock: socket.socket, data: bytes) -> None:
    """Send without reading, until the guest has all that it can hold."""
    sock.setblocking(False)
    while select.select([], [sock], [], 0.02)[1]:
        sock.send(data)


def come_and_go(lan: Lan, count: int) -> None:
    """So many connections one after the other, which end in all the ways there are."""
    for number in range(count):
        data = number.to_bytes(4, "big") * 8
        if number % 4 == 0:  # the guest closes first and has to remember the connection
            with HttpConnection(lan.guest) as connection:
                answer = connection.get("/counters.txt", version="1.0", keep=False)
                assert answer.status == 200
                assert connection.at_end()
            continue
        sock = lan.guest.tcp(ECHO)
        sock.sendall(data)
        assert read_exactly(sock, len(data)) == data, number
        if number % 4 == 1:  # nobody waits for what is under way
            if number % 100 == 1:
                stuff(sock, random_bytes(64 * KIB, number))
            else:
                sock.sendall(data)
            reset(sock)
        elif number % 4 == 2:  # half of it stays open for a moment
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
        sock.close()


def test_1000_connections_leave_nothing_behind(web_lan: Lan) -> None:
    before = at_rest(web_lan.guest)
    come_and_go(web_lan, 1000)
    assert_given_back(web_lan.guest, before)


@pytest.mark.long
def test_40000_connections_leave_nothing_behind(web_lan: Lan) -> None:
    before = at_rest(web_lan.guest)
    come_and_go(web_lan, 40_000)
    assert_given_back(web_lan.guest, before)


def test_64_connections_at_once_and_as_many_browsers_as_fit_beside_them(web_lan: Lan) -> None:
    guest = web_lan.guest
    before = at_rest(guest)
    with ExitStack() as stack:
        echoes = [stack.enter_context(guest.tcp(ECHO)) for _ in range(ECHO_CONNECTIONS)]
        pages = [stack.enter_context(HttpConnection(guest)) for _ in range(HTTP_CONNECTIONS)]
        sent = [random_bytes(64 * KIB, number) for number in range(ECHO_CONNECTIONS)]
        for page in pages:
            page.ask("/")
        received = exchange(list(zip(echoes, sent)))
        assert [r == s for r, s in zip(received, sent)] == [True] * ECHO_CONNECTIONS
        for page in pages:
            assert page.read().body == start_page()
    assert_given_back(guest, before)


def test_a_65th_echo_connection_is_refused_and_the_others_go_on(web_lan: Lan) -> None:
    guest = web_lan.guest
    before = at_rest(guest)
    refused = counters(guest)["echo_refused"]
    with ExitStack() as stack:
        socks = [stack.enter_context(guest.tcp(ECHO)) for _ in range(ECHO_CONNECTIONS)]
        assert exchange([(sock, b"open") for sock in socks]) == [b"open"] * ECHO_CONNECTIONS
        with pytest.raises(ConnectionResetError), guest.tcp(ECHO) as one_more:
            one_more.recv(1)
        assert counters(guest)["echo_refused"] == refused + 1
        assert exchange([(sock, b"still") for sock in socks]) == [b"still"] * ECHO_CONNECTIONS
    assert_given_back(guest, before)


# ---- half-open connections ---------------------------------------------------------------------


def syns(lan: Lan, count: int, sources: list[str]) -> Iterator[bytes]:
    """The first segments of connections that go no further."""
    rng = random.Random(1)
    mac, guest = lan.net.mac, lan.guest.address
    for _ in range(count):
        source = rng.choice(sources)
        segment = tcp(source, guest, rng.randrange(1024, 32768), rng.choice((HTTP, ECHO)), SYN)
        yield ethernet(guest_mac(), mac, ETH_IPV4, ipv4(source, guest, TCP, segment))


def test_service_goes_on_when_connections_are_given_up_at_once(web_lan: Lan) -> None:
    # Our kernel, which knows nothing of these connections, resets each one that the guest answers.
    before = at_rest(web_lan.guest)
    with web_lan.guest.tcp(ECHO) as sock:
        assert exchange([(sock, b"before")]) == [b"before"]
        send_all(web_lan, syns(web_lan, SYNS, [web_lan.net.HOST]))
        assert exchange([(sock, b"after")]) == [b"after"]
    assert_serves(web_lan.guest)
    assert_given_back(web_lan.guest, before)


@pytest.mark.long
def test_service_comes_back_after_a_flood_of_half_open_connections(web_lan: Lan) -> None:
    # Nobody answers for these addresses, some in the guest's own network and some behind the
    # router. Each such connection holds a PCB for 20 s; those that are open go on meanwhile.
    guest = web_lan.guest
    sources = [f"10.77.0.{number}" for number in range(160, 250)]
    sources += [f"198.51.100.{number}" for number in range(1, 250)]
    before = at_rest(guest)
    with guest.tcp(ECHO) as sock:
        assert exchange([(sock, b"before")]) == [b"before"]
        for _ in range(5):
            send_all(web_lan, syns(web_lan, SYNS, sources))
            data = random_bytes(256 * KIB, 1)
            assert exchange([(sock, data)]) == [data]
    assert get_page(guest).body == start_page()
    assert_serves(guest)
    assert_given_back(guest, before)
