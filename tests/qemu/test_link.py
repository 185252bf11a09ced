"""The cable is pulled and plugged in again; service goes on, and DHCP asks anew.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from conftest import Lan, wait_until
from guest import Guest
from netns import Namespace, TapNet, dhcp_server
from traffic import ECHO, KIB, assert_serves, exchange, random_bytes


def test_service_goes_on_when_the_cable_was_out(web: Guest) -> None:
    for _ in range(3):
        web.change_link(False)
        web.change_link(True)
        assert_serves(web)


def test_service_goes_on_when_the_cable_was_out_for_a_moment(web: Guest) -> None:
    for _ in range(10):
        web.set_link(False)
        web.set_link(True)
    assert_serves(web)


def test_an_open_connection_survives_a_pulled_cable(web_lan: Lan) -> None:
    guest = web_lan.guest
    data = random_bytes(64 * KIB, 1)
    with guest.tcp(ECHO) as sock:
        assert exchange([(sock, data)]) == [data]
        guest.change_link(False)
        sock.sendall(data[:1000])  # lost, and sent again when the cable is back
        guest.change_link(True)
        assert exchange([(sock, data)])[0] == data[:1000] + data[:-1000]


def test_the_lease_is_confirmed_when_the_cable_comes_back(web_lan: Lan) -> None:
    log = web_lan.dhcp_log
    before = log.read_text().count("DHCPACK(")
    web_lan.guest.change_link(False)
    web_lan.guest.change_link(True)
    wait_until(lambda: log.read_text().count("DHCPACK(") > before, "no new DHCPACK")
    assert_serves(web_lan.guest)


def test_the_image_starts_with_the_cable_out_and_works_once_it_is_in(
    boot: Callable[..., Guest], namespace: Namespace, tmp_path: Path
) -> None:
    net = TapNet(namespace)
    guest = boot("web", nics=[net], paused=True)
    guest.set_link(False)
    dhcp_server(namespace, tmp_path / "dnsmasq.log")
    guest.run()
    assert guest.wait_ready() == "10.0.2.15"  # the fallback, as nobody answers
    end = len(guest.serial())
    guest.set_link(True)
    assert guest.wait_ready(after=end).startswith("10.77.0.")
    assert_serves(guest)


def test_a_device_without_link_status_counts_as_connected(boot: Callable[..., Guest]) -> None:
    guest = boot("web", before=["-global", "virtio-net-device.status=off"])
    guest.wait_ready()
    assert_serves(guest)
