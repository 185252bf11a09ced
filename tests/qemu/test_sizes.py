"""The largest packets on the wire: IP packets of 1500 bytes, frames of 1514, no less, no more.

On a tap without offloads, where nobody cuts or joins segments between guest and capture.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from conftest import Lan
from frames import ETH_IPV6, FRAME_MAX, ICMP, TCP, Frame, Ipv4, Tcp, wire
from guest import Guest, guest_mac
from traffic import ECHO, KIB, assert_echoes, exchange, ping, random_bytes


class Capture:
    """The frames on a guest's wire from now on."""

    def __init__(self, guest: Guest) -> None:
        self.path: Path = guest.pcap()
        self.start = self.path.stat().st_size

    def frames(self, from_guest: bool) -> list[Frame]:
        """Those from the guest, or those to it."""
        seen = wire(self.path, guest_mac(), self.start)
        return [frame for frame in seen if (frame.source == guest_mac()) == from_guest]

    def packets(self, from_guest: bool, protocol: int) -> list[Ipv4]:
        """The IPv4 packets among them that carry the protocol."""
        packets = (frame.ip for frame in self.frames(from_guest))
        return [packet for packet in packets if packet and packet.protocol == protocol]

    def segments(self, from_guest: bool) -> list[Tcp]:
        """The TCP segments among them."""
        return [Tcp(packet.payload) for packet in self.packets(from_guest, TCP)]


def test_a_ping_of_1472_bytes_passes_in_one_frame_each_way(plain_lan: Lan) -> None:
    payload = random_bytes(1472, 1)
    capture = Capture(plain_lan.guest)
    assert ping(plain_lan.net, payload) == payload
    for from_guest in (False, True):
        packets = capture.packets(from_guest, ICMP)
        assert packets and all(packet.total_bytes == 1500 for packet in packets)
        assert not any(p.more_fragments or p.fragment_offset for p in packets)
        lengths = [frame.length for frame in capture.frames(from_guest) if frame.ip]
        assert max(lengths) == FRAME_MAX


def test_a_ping_of_1473_bytes_comes_back_in_two_fragments(plain_lan: Lan) -> None:
    payload = random_bytes(1473, 2)
    capture = Capture(plain_lan.guest)
    assert ping(plain_lan.net, payload, fragment=True) == payload
    packets = capture.packets(True, ICMP)
    assert any(packet.more_fragments for packet in packets)
    assert all(packet.more_fragments or packet.fragment_offset for packet in packets)
    assert max(frame.length for frame in capture.frames(True)) <= FRAME_MAX


def test_pings_of_every_small_size_come_back(plain_lan: Lan) -> None:
    for size in (0, 1, 2, 3, 17, 18, 19, 63, 64, 65, 213, 214, 215, 1471):
        payload = random_bytes(size, size)
        assert ping(plain_lan.net, payload) == payload, size


def test_a_reassembled_datagram_comes_back_in_fragments(plain_lan: Lan) -> None:
    payload = random_bytes(4000, 3)
    assert ping(plain_lan.net, payload, fragment=True) == payload


def check_full_segments(capture: Capture, exchange: Callable[[], None], mss: int) -> None:
    """The guest announces the MSS, and bulk data travels in segments of that size both ways."""
    exchange()
    announced = [segment.mss for segment in capture.segments(True) if segment.syn]
    assert announced and set(announced) == {mss}
    for from_guest in (False, True):
        sizes = [len(s.payload) for s in capture.segments(from_guest) if s.payload]
        assert max(sizes) == mss
        full = sum(size for size in sizes if size == mss)
        assert full > 0.5 * sum(sizes), f"only {full} of {sum(sizes)} bytes in full segments"


def test_bulk_data_travels_in_segments_of_1460_bytes_both_ways(plain_lan: Lan) -> None:
    capture = Capture(plain_lan.guest)
    data = random_bytes(512 * KIB, 4)
    check_full_segments(capture, lambda: assert_echoes(plain_lan.guest, data), 1460)


def test_the_segments_follow_the_mtu_that_the_device_reports(make_lan: Callable[..., Lan]) -> None:
    guest = make_lan("echo", device="host_mtu=1400", vnet_hdr=False).guest
    data = random_bytes(256 * KIB, 5)
    capture = Capture(guest)
    check_full_segments(capture, lambda: assert_echoes(guest, data), 1360)
    assert max(frame.length for frame in capture.frames(True)) == 1414


def test_no_frame_of_the_guest_was_ever_longer_than_1514_bytes(plain_lan: Lan) -> None:
    frames = list(wire(plain_lan.guest.pcap(), guest_mac()))
    assert max(frame.length for frame in frames if frame.source == guest_mac()) <= FRAME_MAX


def test_bulk_data_over_ipv6_travels_in_segments_of_1440_bytes(plain_lan: Lan) -> None:
    capture = Capture(plain_lan.guest)
    data = random_bytes(256 * KIB, 6)
    with plain_lan.net.socket("tcp", socket.AF_INET6) as sock:
        sock.connect(plain_lan.net.link_local(ECHO))
        assert exchange([(sock, data)]) == [data]
    for from_guest in (False, True):
        packets = [f.data[14:] for f in capture.frames(from_guest) if f.ethertype == ETH_IPV6]
        segments = [Tcp(packet[40:]) for packet in packets if packet[6] == TCP]
        assert max(len(segment.payload) for segment in segments) == 1440
