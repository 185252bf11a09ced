"""Ethernet frames: just enough to make some, to take some apart and to read a pcap file.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BROADCAST = b"\xff" * 6
ETH_IPV4, ETH_ARP, ETH_IPV6 = 0x0800, 0x0806, 0x86DD
ICMP, TCP, UDP = 1, 6, 17
FRAME_MAX = 1514  # Ethernet header and an IP packet of 1500
VNET_HDR_SIZES = (0, 10, 12)
TCP_WINDOW = 65535  # what our handmade segments offer


def checksum(data: bytes) -> int:
    """The Internet checksum."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(destination: bytes, source: bytes, ethertype: int, payload: bytes = b"") -> bytes:
    """An Ethernet frame, not padded."""
    return destination + source + struct.pack("!H", ethertype) + payload


def arp(operation: int, mac: bytes, ip: str, target_mac: bytes, target_ip: str) -> bytes:
    """An ARP packet: operation 1 asks, 2 answers."""
    head = struct.pack("!HHBBH", 1, ETH_IPV4, 6, 4, operation)
    return head + mac + socket.inet_aton(ip) + target_mac + socket.inet_aton(target_ip)


def ipv4(source: str, destination: str, protocol: int, payload: bytes) -> bytes:
    """An IPv4 packet that may not be fragmented."""
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(payload), 1, 0x4000, 64, protocol)
    return head + struct.pack("!H", checksum(head + b"\0\0" + addresses)) + addresses + payload


def udp(source_port: int, port: int, payload: bytes) -> bytes:
    """A UDP datagram without a checksum, which IPv4 allows."""
    return struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload


def tcp(
    source: str,
    destination: str,
    source_port: int,
    port: int,
    flags: int,
    sequence: int = 1,
    acknowledged: int = 0,
    payload: bytes = b"",
) -> bytes:
    """A TCP segment for an IPv4 packet between the two addresses, without options."""
    head = struct.pack("!HHIIBB", source_port, port, sequence, acknowledged, 5 << 4, flags)
    segment = head + struct.pack("!HHH", TCP_WINDOW, 0, 0) + payload
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    pseudo = addresses + struct.pack("!HH", TCP, len(segment))
    return segment[:16] + struct.pack("!H", checksum(pseudo + segment)) + segment[18:]


def icmp_echo(ident: int, sequence: int, payload: bytes, kind: int = 8) -> bytes:
    """An ICMP echo request."""
    head = struct.pack("!BBHHH", kind, 0, 0, ident, sequence)
    return head[:2] + struct.pack("!H", checksum(head + payload)) + head[4:] + payload


@dataclass
class Frame:
    """A frame that was seen on the wire."""

    data: bytes  # from the Ethernet header on
    length: int  # bytes on the wire

    @property
    def source(self) -> bytes:
        """Whose it is."""
        return self.data[6:12]

    @property
    def ethertype(self) -> int:
        """What is in it."""
        return int.from_bytes(self.data[12:14], "big")

    @property
    def ip(self) -> "Ipv4 | None":
        """The IPv4 packet in it, if there is one."""
        return Ipv4(self.data[14:]) if self.ethertype == ETH_IPV4 and len(self.data) > 33 else None


class Ipv4:
    """An IPv4 packet taken apart."""

    def __init__(self, data: bytes) -> None:
        self.header_bytes = (data[0] & 0x0F) * 4
        self.total_bytes, self.ident, fragment = struct.unpack("!HHH", data[2:8])
        self.fragment_offset = (fragment & 0x1FFF) * 8
        self.more_fragments = bool(fragment & 0x2000)
        self.protocol = data[9]
        self.source = socket.inet_ntoa(data[12:16])
        self.destination = socket.inet_ntoa(data[16:20])
        self.payload = data[self.header_bytes : self.total_bytes]


class Tcp:
    """A TCP segment taken apart."""

    def __init__(self, data: bytes) -> None:
        self.source_port, self.port, self.sequence = struct.unpack("!HHI", data[:8])
        header_bytes = (data[12] >> 4) * 4
        self.syn = bool(data[13] & 0x02)
        self.rst = bool(data[13] & 0x04)
        self.ack = bool(data[13] & 0x10)
        self.mss = tcp_mss(data[20:header_bytes])
        self.payload = data[header_bytes:]


def tcp_mss(options: bytes) -> int:
    """The value of the maximum segment size option, 0 if there is none."""
    at = 0
    while at < len(options) and options[at] != 0:
        if options[at] == 1:
            at += 1
        elif options[at] == 2:
            return int.from_bytes(options[at + 2 : at + 4], "big")
        else:
            at += max(options[at + 1], 2)
    return 0


def read_pcap(path: Path, start: int = 0) -> Iterator[tuple[int, bytes, int]]:
    """Records of a pcap file that may still grow: where the next one begins, bytes, true length."""
    with open(path, "rb") as file:
        magic = file.read(24)[:4]
        order = "<" if magic == b"\xd4\xc3\xb2\xa1" else ">"
        file.seek(max(start, 24))
        while len(head := file.read(16)) == 16:
            _, _, captured, length = struct.unpack(order + "IIII", head)
            data = file.read(captured)
            if len(data) < captured:
                return
            yield file.tell(), data, length


def wire(path: Path, guest_mac: bytes, start: int = 0) -> Iterator[Frame]:
    """The frames to and from the guest, from byte `start` of the file on.

    QEMU before 8.0 writes the tap's virtio-net header of 10 or 12 bytes in front of each frame.
    """
    skip = None
    for _, data, length in read_pcap(path, start):
        if skip is None:
            skip = vnet_header_bytes(data, guest_mac)
        if skip is not None:
            yield Frame(data[skip:], length - skip)


def vnet_header_bytes(data: bytes, guest_mac: bytes) -> int | None:
    """How much stands in front of the Ethernet header, told by where the guest's MAC address is."""
    for skip in VNET_HDR_SIZES:
        if guest_mac in (data[skip : skip + 6], data[skip + 6 : skip + 12]):
            return skip
    return None


def without_vnet_headers(path: Path, guest_mac: bytes, copy: Path) -> None:
    """Copy a pcap file in such a way that any reader of pcap files finds the frames in it."""
    records = list(read_pcap(path))
    sizes = (vnet_header_bytes(data, guest_mac) for _, data, _ in records)
    skip = next((size for size in sizes if size is not None), 0)
    with open(path, "rb") as source, open(copy, "wb") as target:
        header = source.read(24)
        order = "<" if header[:4] == b"\xd4\xc3\xb2\xa1" else ">"
        target.write(header)
        while len(head := source.read(16)) == 16:
            seconds, fraction, captured, length = struct.unpack(order + "IIII", head)
            data = source.read(captured)[skip:]
            target.write(struct.pack(order + "IIII", seconds, fraction, len(data), length - skip))
            target.write(data)
