"""Where the guest's address comes from: a DHCP server, the fallback, or the command line.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Lan, wait_until
from frames import UDP, wire as frames_on_wire
from guest import READY, Guest, guest_mac
from netns import Namespace, TapNet, dhcp_server
from traffic import assert_serves, ping, random_bytes
from wire import Wire

DHCP_PORTS = (b"\0\x43", b"\0\x44")


def dhcp_frames(guest: Guest) -> int:
    """How many DHCP messages the guest has sent."""
    sent = (f.ip for f in frames_on_wire(guest.pcap(), guest_mac()) if f.source == guest_mac())
    packets = [packet for packet in sent if packet and packet.protocol == UDP]
    return sum(1 for packet in packets if packet.payload[2:4] in DHCP_PORTS)


def in_pool(address: str) -> bool:
    """Whether the address is one that the server of the tests gives away."""
    first, last = map(ipaddress.ip_address, TapNet.POOL)
    return first <= ipaddress.ip_address(address) <= last  # type: ignore[operator]


def test_a_real_server_gives_an_address_out_of_its_range(web_lan: Lan) -> None:
    assert in_pool(web_lan.guest.address)
    assert f"DHCPACK({TapNet.NAME}) {web_lan.guest.address}" in web_lan.dhcp_log.read_text()
    assert_serves(web_lan.guest)


def test_user_networking_gives_its_usual_address(web: Guest) -> None:
    assert web.address == "10.0.2.15"
    assert dhcp_frames(web) >= 2
    assert len(READY.findall(web.serial())) == 1


def test_without_a_server_the_guest_falls_back_and_a_later_lease_replaces_that(
    boot: Callable[..., Guest], namespace: Namespace, tmp_path: Path
) -> None:
    net = TapNet(namespace)
    namespace.run("ip", "address", "add", "10.0.2.2/24", "dev", net.NAME)
    guest = boot("web", nics=[net])
    assert guest.wait_ready() == "10.0.2.15"
    assert_serves(guest)
    end = len(guest.serial())
    dhcp_server(namespace, tmp_path / "dnsmasq.log")
    assert in_pool(guest.wait_ready(after=end))
    assert_serves(guest)


def test_a_given_address_is_used_at_once_and_nobody_is_asked_for_one(
    boot: Callable[..., Guest], wire: Callable[..., Wire]
) -> None:
    link = wire()
    guest = boot("echo", nics=[link], static=Wire.STATIC)
    assert guest.wait_ready() == Wire.GUEST_IP
    assert link.ping(b"static") == b"static"
    assert dhcp_frames(guest) == 0


def test_another_given_address_and_prefix_length_work(
    boot: Callable[..., Guest], namespace: Namespace
) -> None:
    net = TapNet(namespace)
    guest = boot("web", nics=[net], static="10.77.0.77/28")
    assert guest.wait_ready() == "10.77.0.77"
    namespace.run("ip", "address", "add", "10.77.0.78/28", "dev", net.NAME)
    namespace.run("ip", "address", "del", f"{net.HOST}/24", "dev", net.NAME)
    assert ping(net, b"static") == b"static"
    assert_serves(guest)


def test_a_server_that_gives_another_address_after_a_pulled_cable_is_followed(
    boot: Callable[..., Guest], namespace: Namespace, tmp_path: Path
) -> None:
    net = TapNet(namespace)
    log = tmp_path / "dnsmasq.log"
    server = dhcp_server(namespace, log)
    guest = boot("web", nics=[net])
    first = guest.wait_ready()
    namespace.end(server)
    guest.change_link(False)
    end = len(guest.serial())
    dhcp_server(namespace, log, pool=("10.77.0.200", "10.77.0.210"))
    guest.set_link(True)
    second = guest.wait_ready(after=end)
    assert second != first and second.startswith("10.77.0.2")
    assert_serves(guest)


@pytest.mark.long
def test_the_lease_is_renewed_before_it_ends(web_lan: Lan) -> None:
    # dnsmasq's shortest lease is two minutes, so the client asks again after one.
    before = web_lan.dhcp_log.read_text().count("DHCPACK(")
    wait_until(
        lambda: web_lan.dhcp_log.read_text().count("DHCPACK(") >= before + 3,
        "the lease was not renewed three times",
        limit_s=600,
    )
    assert ping(web_lan.net, random_bytes(100, 1)) == random_bytes(100, 1)
    assert len(READY.findall(web_lan.guest.serial())) == 1
