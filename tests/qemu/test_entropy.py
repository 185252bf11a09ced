"""Where the image's random numbers come from, and that nobody who saw one boot knows the next.

A number that two boots have in common by chance fails a test once in some ten million runs.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from frames import TCP, UDP, Frame, Tcp
from frames import tcp as tcp_segment
from guest import Guest
from traffic import assert_serves
from wire import Wire

ENTROPY = ("-device", "virtio-rng-device")
# Gives one byte, and the next one after an hour.
STARVED = ("-device", "virtio-rng-device,max-bytes=1,period=3600000")

SEEDED = r"^virtioif: seeded by a VirtIO entropy device\r?\n"
NONE = r"^virtioif: no entropy source: (.*?); port and sequence numbers can be guessed\r?\n"

ECHO_PORT = 7
SYN, RST = 0x02, 0x04
DHCP_SERVER_PORT = (67).to_bytes(2, "big")

Boot = Callable[..., Guest]


def dhcp_id(boot: Boot, wire: Callable[..., Wire], after: tuple[str, ...]) -> bytes:
    """The transaction ID of a boot's first DHCP message."""
    link = wire()
    guest = boot("echo", nics=[link], after=after)

    def is_dhcp(frame: Frame) -> bool:
        packet = frame.ip
        return packet is not None and packet.protocol == UDP and (
            packet.payload[2:4] == DHCP_SERVER_PORT
        )  # fmt: skip

    packet = link.receive(is_dhcp).ip
    assert packet is not None
    guest.stop()
    return packet.payload[12:16]


def sequence_number(link: Wire, source_port: int) -> int:
    """What the guest begins a connection with that comes from that port. It is refused again."""

    def is_answer(frame: Frame) -> bool:
        packet = frame.ip
        if packet is None or packet.protocol != TCP:
            return False
        segment = Tcp(packet.payload)
        return segment.syn and segment.port == source_port

    def segment(flags: int, sequence: int) -> bytes:
        data = tcp_segment(Wire.IP, Wire.GUEST_IP, source_port, ECHO_PORT, flags, sequence)
        return link.to_guest(TCP, data)

    packet = link.ask(segment(SYN, 1), is_answer).ip
    assert packet is not None
    link.send(segment(RST, 2))
    return Tcp(packet.payload).sequence


def first_port(boot: Boot, wire: Callable[..., Wire], after: tuple[str, ...]) -> int:
    """The port that the guest chooses for the first connection of its own."""
    guest = boot("loopback", nics=[wire()], static=Wire.STATIC, after=after)
    port = int(guest.wait_for(r"^loopback: first port ([0-9]+)\r?\n")[1])
    guest.stop()
    return port


def test_with_an_entropy_device_the_image_says_so_and_works(boot: Boot) -> None:
    guest = boot("web", after=ENTROPY)
    guest.wait_for(SEEDED)
    guest.wait_ready()
    assert "no entropy source" not in guest.serial()
    assert_serves(guest)


def test_without_one_the_image_says_so_and_works(web: Guest) -> None:
    assert "no VirtIO entropy device" in web.wait_for(NONE)[1]
    assert "seeded by" not in web.serial()
    assert_serves(web)


@pytest.mark.any_transport
def test_with_one_that_does_not_answer_the_image_says_so_and_works(boot: Boot) -> None:
    guest = boot("web", after=STARVED)
    assert "did not answer" in guest.wait_for(NONE)[1]
    guest.wait_ready()
    assert "seeded by" not in guest.serial()
    assert_serves(guest)


@pytest.mark.any_transport
@pytest.mark.parametrize("after", [ENTROPY, ()], ids=["device", "none"])
def test_each_boot_draws_other_numbers(
    boot: Boot, wire: Callable[..., Wire], after: tuple[str, ...]
) -> None:
    assert dhcp_id(boot, wire, after) != dhcp_id(boot, wire, after)
    # There are only 16384 ports.
    assert len({first_port(boot, wire, after) for _ in range(3)}) > 1


@pytest.mark.any_transport
def test_sequence_numbers_of_connections_have_nothing_to_do_with_each_other(
    boot: Boot, wire: Callable[..., Wire]
) -> None:
    numbers = []
    for _ in range(2):
        link = wire()
        guest = boot("echo", nics=[link], static=Wire.STATIC, after=ENTROPY)
        guest.wait_ready()
        numbers += [sequence_number(link, port) for port in range(5000, 5004)]
        guest.stop()
    # Without RFC 6528 each is a little more than the one before, and the same after each boot.
    for one, other in itertools.combinations(numbers, 2):
        assert min((one - other) % 2**32, (other - one) % 2**32) > 16, numbers


@pytest.mark.any_transport
def test_a_connection_that_comes_again_goes_on_where_its_sequence_numbers_were(
    boot: Boot, wire: Callable[..., Wire]
) -> None:
    link = wire()
    boot("echo", nics=[link], static=Wire.STATIC, after=ENTROPY).wait_ready()
    first, second = (sequence_number(link, 5000) for _ in range(2))
    # 250 a millisecond; a minute would be a hang.
    assert 0 <= (second - first) % 2**32 < 60_000 * 250
