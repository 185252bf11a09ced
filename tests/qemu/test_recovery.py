"""A device that fails is reset and works again; connections outlive it.

QEMU's device fails when the driver breaks the rules, which the app breaker does when it is told to.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import Lan, wait_until
from guest import Guest
from memory import assert_given_back, at_rest, counters
from netns import Namespace, TapNet
from test_interruptions import echo_until
from traffic import ECHO, KIB, MIB, assert_serves, exchange, random_bytes

BREAKER = 4001
# What the app can do to its rings, and what QEMU says to that. It reads one it does not mind: a
# queue with more buffers than it is long sends old frames again, which the driver takes ill.
SPOILERS = {
    "w": "Guest says index",
    "l": "Looped descriptor",
    "e": "zero sized buffers",
    "j": "",
}


def tell(guest: Guest, command: str) -> None:
    """Have the app break something."""
    with guest.udp(BREAKER) as sock:
        sock.send(command.encode())


def wait_for_recoveries(guest: Guest, count: int) -> None:
    """Wait until the device has come back so often."""
    told = "virtioif: the device works again"
    wait_until(lambda: guest.serial().count(told) >= count, f"not {count} recoveries")


def qemu_says(guest: Guest) -> str:
    """QEMU's own messages."""
    return (guest.folder / "qemu.log").read_text(errors="replace")


def outlive(guest: Guest, commands: str, stalls: int) -> None:
    """Each command makes the device fail; two connections outlive it."""
    before = at_rest(guest)
    with guest.tcp(ECHO) as idle, guest.tcp(ECHO) as busy:
        assert exchange([(idle, b"idle"), (busy, b"busy")]) == [b"idle", b"busy"]
        for number, command in enumerate(commands, 1):
            data = random_bytes(100 * KIB, number)
            tell(guest, command)
            assert exchange([(busy, data)]) == [data]
            wait_for_recoveries(guest, number)
            assert SPOILERS[command] in qemu_says(guest)
        assert exchange([(idle, b"still here")]) == [b"still here"]
    assert_serves(guest)
    now = counters(guest)
    assert now["device_errors"] == now["recoveries"] == len(commands)
    assert now["tx_stalls"] == stalls
    assert_given_back(guest, before)


def is_modern(guest: Guest) -> bool:
    """Whether the device can say that it needs a reset. Otherwise it takes the watchdog 10 s to
    find out."""
    return guest.machine.transport == "mmio"


def test_a_connection_outlives_failures_of_the_device(make_lan: Callable[..., Lan]) -> None:
    guest = make_lan("breaker").guest
    if is_modern(guest):
        outlive(guest, "wj", stalls=0)
    else:
        outlive(guest, "jw", stalls=1)


@pytest.mark.long
def test_a_connection_outlives_every_kind_of_failure(make_lan: Callable[..., Lan]) -> None:
    guest = make_lan("breaker").guest
    outlive(guest, "wlejwle", stalls=0 if is_modern(guest) else 6)


def test_transfers_go_on_while_the_device_fails_or_is_reset_by_request(
    make_lan: Callable[..., Lan],
) -> None:
    guest = make_lan("breaker").guest
    commands = "rwl" if is_modern(guest) else "rrr"
    before = at_rest(guest)
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        transfer = pool.submit(echo_until, done, guest)
        try:
            for number, command in enumerate(commands, 1):
                wait_for_traffic(guest)
                tell(guest, command)
                wait_for_recoveries(guest, number)
        finally:
            done.set()
        assert transfer.result() >= MIB
    assert_serves(guest)
    assert counters(guest)["recoveries"] == len(commands)
    assert_given_back(guest, before)


def wait_for_traffic(guest: Guest) -> None:
    """Wait until some more has passed the wire."""
    size = guest.pcap().stat().st_size
    wait_until(lambda: guest.pcap().stat().st_size > size + MIB, "nothing moves any more")


def test_the_interface_is_removed_and_added_again_and_again(
    boot: Callable[..., Guest], namespace: Namespace
) -> None:
    guest = boot("breaker", nics=[TapNet(namespace)], static="10.77.0.9/24")
    guest.wait_ready()
    before = at_rest(guest)
    for number in range(1, 11):
        assert_serves(guest)
        tell(guest, "R")
        wait_until(
            lambda number=number: guest.serial().count("breaker: replaced") == number,
            "the interface is not back",
        )
    assert_serves(guest)
    assert counters(guest)["link_changes"] == 0  # a new interface each time
    assert_given_back(guest, before)
