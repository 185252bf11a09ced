"""The machine stands still, is reset, or loses its cable in the middle of everything.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from conftest import Lan
from guest import Guest
from memory import assert_given_back, at_rest
from test_sizes import Capture
from traffic import (
    ECHO,
    KIB,
    MIB,
    HttpConnection,
    assert_serves,
    exchange,
    random_bytes,
    read_exactly,
    start_page,
)

PAUSE_S = 5
LONG_PAUSE_S = 60
CONNECTIONS = 8
CUTS = 4
IN_FLIGHT_BYTES = 48 * KIB  # what the buffers on the way take while the guest stands still


def stand_still(guest: Guest, seconds: int) -> None:
    """Pause the machine with an idle connection, with one that gets data and with one that waits
    for an answer. All go on, and no end thinks ill of the other."""
    before = at_rest(guest)
    data = random_bytes(IN_FLIGHT_BYTES, 1)
    with guest.tcp(ECHO) as idle, guest.tcp(ECHO) as busy, HttpConnection(guest) as page:
        assert exchange([(idle, b"idle"), (busy, b"busy")]) == [b"idle", b"busy"]
        capture = Capture(guest)
        guest.pause()
        busy.sendall(data)
        page.ask("/")
        time.sleep(seconds)
        guest.run()
        assert read_exactly(busy, len(data)) == data
        assert page.read().body == start_page()
        assert exchange([(idle, b"still here")]) == [b"still here"]
        assert_serves(guest)
        resets = [s for way in (True, False) for s in capture.segments(way) if s.rst]
        assert not resets
    assert_given_back(guest, before)


@pytest.mark.any_transport
def test_connections_outlive_a_pause(web_lan: Lan) -> None:
    stand_still(web_lan.guest, PAUSE_S)


@pytest.mark.long
@pytest.mark.any_transport
def test_connections_outlive_a_pause_of_a_minute(web_lan: Lan) -> None:
    stand_still(web_lan.guest, LONG_PAUSE_S)


@pytest.mark.any_transport
def test_connections_outlive_many_short_pauses(web_lan: Lan) -> None:
    guest = web_lan.guest
    with guest.tcp(ECHO) as sock:
        for number in range(50):
            data = random_bytes(8 * KIB, number)
            sock.sendall(data)
            guest.pause()
            guest.run()
            assert read_exactly(sock, len(data)) == data
    assert_serves(guest)


def fill_until_stuck(guest: Guest, stack: ExitStack) -> None:
    """Connections with data on the way in both directions, which nobody waits for."""
    for number in range(CONNECTIONS):
        sock = stack.enter_context(guest.tcp(ECHO))
        assert exchange([(sock, b"open")]) == [b"open"]
        sock.setblocking(False)
        sock.send(random_bytes(64 * KIB, number))


def test_the_machine_is_reset_in_the_middle_of_traffic_again_and_again(
    make_lan: Callable[..., Lan],
) -> None:
    guest = make_lan("web").guest
    rest = at_rest(guest)
    for _ in range(3):
        with ExitStack() as stack:
            fill_until_stuck(guest, stack)
            guest.reset()
        assert_serves(guest)
    assert_given_back(guest, rest)


def test_the_machine_is_reset_while_it_starts(boot: Callable[..., Guest]) -> None:
    guest = boot("web")
    guest.wait_ready()
    for number in range(20):
        guest.execute("system_reset")
        time.sleep(number * 0.002)  # so that it gets a little farther each time
    guest.reset()
    assert_serves(guest)


def echo_until(done: threading.Event, guest: Guest) -> int:
    """Echo on several connections for as long as asked; returns how many bytes came back."""
    total = 0
    with ExitStack() as stack:
        socks = [stack.enter_context(guest.tcp(ECHO)) for _ in range(CONNECTIONS)]
        while not done.is_set():
            sent = [random_bytes(MIB // CONNECTIONS, number) for number in range(CONNECTIONS)]
            assert exchange(list(zip(socks, sent))) == sent
            total += MIB
    return total


@pytest.mark.any_transport
def test_transfers_go_on_while_the_cable_is_pulled_again_and_again(web_lan: Lan) -> None:
    guest = web_lan.guest
    before = at_rest(guest)
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        transfer = pool.submit(echo_until, done, guest)
        try:
            for number in range(CUTS):
                time.sleep(0.2)
                # Every second time it is back before the guest notices.
                change = guest.set_link if number % 2 else guest.change_link
                change(False)
                change(True)
        finally:
            done.set()
        assert transfer.result() >= MIB
    assert_serves(guest)
    assert_given_back(guest, before)
