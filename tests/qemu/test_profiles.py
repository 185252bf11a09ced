"""lwIP's profiles: the app echo, built with each of them, does its work and keeps its promise.

The images are not a part of the ordinary build: cmake --build build/<board> --target profile_images

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from conftest import Lan
from frames import FRAME_MAX, TCP, wire
from guest import BUILD, HANG_LIMIT_S, Guest, GuestError, Machine, UserNet, guest_mac
from traffic import (
    CHARGEN,
    ECHO,
    KIB,
    MIB,
    assert_echoes,
    difference,
    exchange,
    random_bytes,
    read_exactly,
    reset,
    udp_echo,
)

MINIMAL_CONNECTIONS = 4  # its MEMP_NUM_TCP_PCB
MSS = 1460
RX_BUF_BYTES = 8192  # VIRTIOIF_RX_BUF_BYTES of the throughput profile
DATA_BYTES = 200_000
CHARGEN_BYTES = 95 * 74  # after which its text repeats
FORWARD = (("tcp", ECHO), ("udp", ECHO), ("tcp", CHARGEN))


def app_with(profile: str, machine: Machine) -> str:
    """The app echo with a profile; its image must have been built."""
    app = f"echo_{profile}"
    tree = BUILD / machine.board
    if not (tree / "examples" / f"{app}.elf").is_file():
        raise GuestError(
            f"{app}.elf is missing. Cure: cmake --build {tree} --target profile_images"
        )
    return app


def check_services(guest: Guest, connections: int) -> None:
    """Echo over TCP on several connections at once and over UDP up to a whole frame; a stream."""
    assert_echoes(guest, random_bytes(DATA_BYTES, 1))
    assert_echoes(guest, random_bytes(DATA_BYTES // connections, 2), connections)
    with guest.udp(ECHO) as sock:
        for size in (1, 18, 512, 1472):
            assert udp_echo(sock, random_bytes(size, size)) == random_bytes(size, size)
    with guest.tcp(CHARGEN) as sock:
        text = read_exactly(sock, 100 * CHARGEN_BYTES)
        assert not difference(text, text[:CHARGEN_BYTES] * 100)
        reset(sock)


def fill(sock: socket.socket, data: bytes) -> int:
    """Send without reading until the guest takes no more. Returns how many bytes it was."""
    sock.settimeout(1.0)
    sent = 0
    try:
        while sent < len(data):
            sent += sock.send(data[sent : sent + 16 * KIB])
    except TimeoutError:
        pass
    sock.settimeout(HANG_LIMIT_S)
    assert 0 < sent < len(data)
    return sent


@pytest.fixture(params=["user", "tap"])
def minimal(
    request: pytest.FixtureRequest, machine: Machine, boot: Callable[..., Guest]
) -> Iterator[Guest]:
    """A guest with the minimal profile, on user networking and on a tap."""
    app = app_with("minimal", machine)
    if request.param == "tap":
        yield request.getfixturevalue("make_lan")(app).guest
    else:
        guest = boot(app, nics=[UserNet(forward=FORWARD)])
        guest.wait_ready()
        yield guest


def test_the_minimal_profile_works(minimal: Guest) -> None:
    check_services(minimal, MINIMAL_CONNECTIONS)


def test_with_the_minimal_profile_peers_that_stop_reading_starve_nobody(minimal: Guest) -> None:
    data = random_bytes(16 * MIB, 3)
    stuck = []
    for _ in range(MINIMAL_CONNECTIONS - 1):
        sock = minimal.tcp(ECHO)
        assert exchange([(sock, b"open")]) == [b"open"]
        stuck.append((sock, fill(sock, data)))
    assert_echoes(minimal, random_bytes(DATA_BYTES, 4))
    for sock, sent in stuck:
        assert not difference(read_exactly(sock, sent), data[:sent])
        sock.close()
    assert_echoes(minimal, random_bytes(8 * KIB, 5), MINIMAL_CONNECTIONS)


def test_the_minimal_profile_lives_on_after_more_connections_than_it_has(minimal: Guest) -> None:
    for number in range(3 * MINIMAL_CONNECTIONS):
        sock = minimal.tcp(ECHO)
        assert exchange([(sock, b"open")]) == [b"open"], number
        sock.sendall(random_bytes(2 * MSS, number))
        reset(sock)
    check_services(minimal, MINIMAL_CONNECTIONS)


def test_the_default_profile_works_on_user_networking(
    machine: Machine, boot: Callable[..., Guest]
) -> None:
    guest = boot(app_with("default", machine), nics=[UserNet(forward=FORWARD)])
    guest.wait_ready()
    check_services(guest, connections=16)


def largest_window(guest: Guest) -> tuple[int, int]:
    """The guest's window scale as it announced it, and the largest window that it offered, scaled.

    From the TCP segments in its capture.
    """
    scale = window = 0
    for frame in wire(guest.pcap(), guest_mac()):
        if frame.source != guest_mac() or not frame.ip or frame.ip.protocol != TCP:
            continue
        segment = frame.ip.payload
        if segment[13] & 0x02:
            scale = window_scale(segment[20 : (segment[12] >> 4) * 4])
        else:
            window = max(window, struct.unpack("!H", segment[14:16])[0] << scale)
    return scale, window


def window_scale(options: bytes) -> int:
    """The shift count of the window scale option, 0 if there is none."""
    at = 0
    while at < len(options) and options[at] != 0:
        if options[at] == 3:
            return options[at + 2]
        at += 1 if options[at] == 1 else max(options[at + 1], 2)
    return 0


def largest_frames(guest: Guest) -> tuple[int, int]:
    """The length of the largest frame to the guest, and of the largest from it, in its capture.

    What is longer than a frame of Ethernet was handed over whole: a tap splits it and puts it
    together for guests that do not take it so.
    """
    lengths = {True: 0, False: 0}
    for frame in wire(guest.pcap(), guest_mac()):
        sent = frame.source == guest_mac()
        lengths[sent] = max(lengths[sent], frame.length)
    return lengths[False], lengths[True]


def test_the_throughput_profile_works_with_an_open_window_and_large_frames(
    machine: Machine, make_lan: Callable[..., Lan]
) -> None:
    guest = make_lan(app_with("throughput", machine)).guest
    check_services(guest, connections=16)
    assert_echoes(guest, random_bytes(8 * MIB, 6))
    scale, window = largest_window(guest)
    assert scale == 4
    assert window >= 512 * KIB - MSS
    to_guest, from_guest = largest_frames(guest)
    assert to_guest > RX_BUF_BYTES  # so it came in several buffers
    assert from_guest > FRAME_MAX
