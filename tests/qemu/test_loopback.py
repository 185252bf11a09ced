"""The image can talk to itself, by every address that is its own, with the cable in and out.

App loopback (apps/loopback) tries and prints what it finds.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from frames import TCP, UDP, wire as frames_on_wire
from guest import Guest, guest_mac
from wire import Wire

ADDRESSES = ("127.0.0.1", "::1", "10.0.2.15", "FD00:77::15")
PORTS = ((4000).to_bytes(2, "big"), (4001).to_bytes(2, "big"))


@pytest.fixture
def talker(boot: Callable[..., Guest], wire: Callable[..., Wire]) -> Guest:
    """App loopback with an address of its own; it has not started yet."""
    return boot("loopback", nics=[wire()], static=Wire.STATIC, paused=True)


def assert_reaches_itself(guest: Guest, cable: str) -> None:
    """Every address answers, by UDP and by TCP, with the cable as given."""
    for address in ADDRESSES:
        for protocol in ("udp", "tcp"):
            line = guest.wait_for(rf"^loopback: {protocol} {address} link {cable}: (.*?)\r?\n")
            assert line[1] == "ok", line[0]


def test_loopback_works_with_the_cable_in_and_out(talker: Guest) -> None:
    talker.run()
    assert_reaches_itself(talker, "up")
    talker.set_link(False)
    assert_reaches_itself(talker, "down")


def test_loopback_works_when_the_cable_was_never_in(talker: Guest) -> None:
    talker.set_link(False)
    talker.run()
    assert_reaches_itself(talker, "down")
    talker.set_link(True)
    assert_reaches_itself(talker, "up")


def test_nothing_of_it_appears_on_the_wire(talker: Guest) -> None:
    talker.run()
    assert_reaches_itself(talker, "up")
    sent = [f for f in frames_on_wire(talker.pcap(), guest_mac()) if f.source == guest_mac()]
    for frame in sent:
        packet = frame.ip
        if packet and packet.protocol in (TCP, UDP):
            assert packet.payload[2:4] not in PORTS
        assert b"\xfd\0\0\x77" not in frame.data[38:42], "a packet for its own IPv6 address"
