"""Which devices are there: none, one that refuses, others beside it, two, and unusual ones.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from conftest import Lan
from guest import ERROR, READY, Guest, GuestError, UserNet
from traffic import (
    ECHO,
    KIB,
    assert_echoes,
    assert_serves,
    exchange,
    get_page,
    ping,
    random_bytes,
    start_page,
)

EXTRA_FIRST = ["-device", "virtio-rng-device", "-device", "virtio-serial-device"]
EXTRA_LAST = ["-device", "virtio-rng-device", "-device", "virtio-balloon-device"]


def assert_ends_with_an_error(guest: Guest) -> None:
    """The image says what is wrong and ends with an exit code that is not 0."""
    assert guest.wait_exit() != 0
    assert ERROR.search(guest.serial()), guest.fail("no error line")
    assert not READY.search(guest.serial())


@pytest.mark.parametrize("app", ["web", "echo"])
def test_without_a_network_device_the_image_says_so_and_ends(
    boot: Callable[..., Guest], app: str
) -> None:
    assert_ends_with_an_error(boot(app, nics=[]))


def test_with_only_other_devices_the_image_says_so_and_ends(boot: Callable[..., Guest]) -> None:
    assert_ends_with_an_error(boot("web", nics=[], after=EXTRA_FIRST))


@pytest.mark.parametrize(
    "before, after",
    [(EXTRA_FIRST, []), ([], EXTRA_LAST), (EXTRA_FIRST, EXTRA_LAST)],
    ids=["before", "after", "around"],
)
def test_other_devices_beside_the_network_device_are_left_alone(
    boot: Callable[..., Guest], before: list[str], after: list[str]
) -> None:
    guest = boot("web", before=before, after=after)
    guest.wait_ready()
    assert_serves(guest)


@pytest.mark.parametrize("slot", [0, 3, 7])
def test_the_network_device_may_sit_in_any_slot(boot: Callable[..., Guest], slot: int) -> None:
    nic = UserNet(device=f"bus=virtio-mmio-bus.{slot}")
    guest = boot("web", nics=[nic])
    guest.wait_ready()
    assert_serves(guest)


def test_of_two_network_devices_the_first_one_is_used(boot: Callable[..., Guest]) -> None:
    guest = boot("web", nics=[UserNet(), UserNet()])
    guest.wait_ready()
    assert_serves(guest)
    # Not a frame came from the other one.
    assert guest.pcap(1).stat().st_size == 24


def test_a_device_that_refuses_its_driver_ends_the_image_with_an_error(
    boot: Callable[..., Guest],
) -> None:
    # QEMU's device insists on VIRTIO_F_ACCESS_PLATFORM; a driver that does not take it is refused.
    try:
        guest = boot("web", nics=[UserNet(device="iommu_platform=on")])
    except GuestError as error:  # a legacy device cannot have it
        assert "IOMMU" in str(error) or "iommu" in str(error)
        return
    ready_or_error = guest.wait_for(f"{READY.pattern}|{ERROR.pattern}")[0]
    if "ready" in ready_or_error:
        assert_serves(guest)
    else:
        assert_ends_with_an_error(guest)


# Each is a device that some machine has: the driver does with what is offered.
PROPERTIES = [
    "csum=off,guest_csum=off,gso=off",
    "mrg_rxbuf=off",
    "event_idx=off,indirect_desc=off",
    "any_layout=off",
    "any_layout=off,mrg_rxbuf=off",
    "ctrl_vq=off,status=off",
    "status=off,event_idx=off,indirect_desc=off,mrg_rxbuf=off,ctrl_vq=off,any_layout=off",
    "packed=on",
    "rx_queue_size=256,tx_queue_size=256",
    "rx_queue_size=1024",
    "host_mtu=1280",
    "host_mtu=9000",
    "speed=1000,duplex=full",
    "guest_announce=off,ctrl_mac_addr=off",
    "guest_rsc_ext=on,hash=on,rss=on",
]


@pytest.mark.parametrize("properties", PROPERTIES)
def test_the_driver_works_with_a_device_that_has(
    boot: Callable[..., Guest], properties: str
) -> None:
    try:
        guest = boot("web", nics=[UserNet(device=properties)])
    except GuestError as error:
        if "not found" in str(error):
            pytest.skip(f"this QEMU does not know {properties}")
        raise
    guest.wait_ready()
    assert get_page(guest).body == start_page()
    assert_echoes(guest, random_bytes(64 * KIB, 1), connections=2)


# What a tap offers, taken away in parts: checksums, large segments and merged buffers depend on
# each other, and the driver has to keep to what is left.
OFFLOADS = [
    "",
    "mrg_rxbuf=off",
    "csum=off",
    "guest_csum=off",
    "csum=off,guest_csum=off",
    "host_tso4=off,host_tso6=off",
    "guest_tso4=off,guest_tso6=off",
    "guest_tso6=off,host_tso4=off",
    "gso=off",
    "event_idx=off",
    "indirect_desc=off",
    "any_layout=off",
    "any_layout=off,mrg_rxbuf=off,event_idx=off,indirect_desc=off",
    "ctrl_vq=off,status=off",
    "rx_queue_size=256",
    "host_mtu=1280",
]
# The address of IPv6 takes two seconds to become valid, so only these are tried with it.
OVER_IPV6 = ("", "guest_tso6=off,host_tso4=off")


@pytest.mark.parametrize("properties", OFFLOADS)
def test_bulk_data_passes_a_tap_whose_device_has(
    make_lan: Callable[..., Lan], properties: str
) -> None:
    lan = make_lan("web", device=properties)
    assert get_page(lan.guest).body == start_page()
    assert_echoes(lan.guest, random_bytes(256 * KIB, 2), connections=4)
    payload = random_bytes(4000, 3)
    assert ping(lan.net, payload, fragment=True) == payload
    if properties in OVER_IPV6:
        with lan.net.socket("tcp", socket.AF_INET6) as sock:
            sock.connect(lan.net.link_local(ECHO))
            data = random_bytes(256 * KIB, 4)
            assert exchange([(sock, data)]) == [data]


@pytest.mark.parametrize(
    "arguments",
    [["-smp", "2"], ["-m", "256M"], ["-cpu", "max"]],
    ids=["two-cpus", "more-memory", "cpu-max"],
)
def test_the_image_runs_on_a_machine_with(
    boot: Callable[..., Guest], machine: object, arguments: list[str]
) -> None:
    if arguments == ["-cpu", "max"] and getattr(machine, "board") == "riscv64":
        arguments = ["-cpu", "rv64,v=true,zba=true,zbb=true,svnapot=false"]
    guest = boot("web", before=arguments)
    guest.wait_ready()
    assert_serves(guest)
