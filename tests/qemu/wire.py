"""A guest whose wire ends in the test: any frame can be put on it, and every one from it is seen.

Needs no rights, carries frames that a tap would refuse, and loses none: QEMU takes a frame only
when the guest has a buffer for it. The test plays the other host on the network by hand.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable

import guest as guest_module
from frames import BROADCAST, ETH_ARP, ETH_IPV4, ICMP, UDP, Frame, arp, ethernet, icmp_echo, ipv4
from frames import udp as udp_datagram
from guest import Attachment, Guest, guest_mac

LOCAL_PORT = 40000


class Wire(Attachment):
    """The other end of the guest's wire, and a host with an address there."""

    MAC = bytes.fromhex("020000000001")
    IP = "10.0.2.2"
    GUEST_IP = "10.0.2.15"
    STATIC = "10.0.2.15/24"

    def __init__(self, device: str = "") -> None:
        self.sock, theirs = socket.socketpair()
        self.sock.setblocking(False)
        self.buffer = bytearray()
        fd = theirs.detach()
        super().__init__(f"socket,fd={fd}", [fd], device)

    def plugged(self, guest: Guest, index: int) -> None:
        """Nothing to learn from QEMU."""

    def close(self) -> None:
        """Cut the wire."""
        self.sock.close()

    # ---- frames ---------------------------------------------------------------------------------

    def send(self, *frames: bytes) -> None:
        """Put frames on the wire, and take off it what comes meanwhile."""
        self.flush(b"".join(len(f).to_bytes(4, "big") + f for f in frames))

    def flush(self, stream: bytes) -> None:
        """The same for frames that have their length in front, or the rest of some."""
        data = memoryview(stream)
        while data:
            readable, writable, _ = select.select(
                [self.sock], [self.sock], [], guest_module.HANG_LIMIT_S
            )
            if not readable and not writable:
                raise AssertionError("the guest takes no frames any more")
            if readable:
                self._fill()
            if writable:
                data = data[self.sock.send(data) :]

    def _fill(self) -> None:
        chunk = self.sock.recv(1 << 18)
        if not chunk:
            raise AssertionError("QEMU ended")
        self.buffer += chunk

    def _pop(self) -> Frame | None:
        length = int.from_bytes(self.buffer[:4], "big")
        if len(self.buffer) < 4 + length or len(self.buffer) < 4:
            return None
        data = bytes(self.buffer[4 : 4 + length])
        del self.buffer[: 4 + length]
        return Frame(data, length)

    def receive(self, wanted: Callable[[Frame], bool], limit_s: float | None = None) -> Frame:
        """The next frame that is wanted; the others before it are dropped, the guest's ARP
        requests for our address are answered."""
        limit_s = guest_module.HANG_LIMIT_S if limit_s is None else limit_s
        deadline = time.monotonic() + limit_s
        while True:
            while frame := self._pop():
                self._answer_arp(frame)
                if wanted(frame):
                    return frame
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise TimeoutError(f"no such frame in {limit_s:.0f} s")
            self._fill()

    def _answer_arp(self, frame: Frame) -> None:
        packet = frame.data[14:42]
        ours = packet[6:8] == b"\0\1" and packet[24:28] == socket.inet_aton(self.IP)
        if frame.ethertype == ETH_ARP and ours:
            sender = socket.inet_ntoa(packet[14:18])
            answer = arp(2, self.MAC, self.IP, frame.source, sender)
            self.send(ethernet(frame.source, self.MAC, ETH_ARP, answer))

    # ---- the host on the wire -------------------------------------------------------------------

    def to_guest(self, protocol: int, payload: bytes) -> bytes:
        """A frame with an IPv4 packet for the guest."""
        return self.from_address(self.IP, protocol, payload)

    def from_address(self, source: str, protocol: int, payload: bytes) -> bytes:
        """The same from an address that is not ours."""
        packet = ipv4(source, self.GUEST_IP, protocol, payload)
        return ethernet(guest_mac(), self.MAC, ETH_IPV4, packet)

    def ask(self, question: bytes, wanted: Callable[[Frame], bool]) -> Frame:
        """Send a frame until the answer comes: either may be dropped when queues are full."""
        deadline = time.monotonic() + guest_module.HANG_LIMIT_S
        while True:
            self.send(question)
            try:
                return self.receive(wanted, limit_s=2.0)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise

    def ask_arp(self) -> Frame:
        """Ask who has the guest's address."""
        question = arp(1, self.MAC, self.IP, bytes(6), self.GUEST_IP)
        return self.ask(
            ethernet(BROADCAST, self.MAC, ETH_ARP, question),
            lambda frame: frame.ethertype == ETH_ARP and frame.data[20:22] == b"\0\2",
        )

    def ping(self, payload: bytes, sequence: int = 1) -> bytes:
        """The payload as the guest's ICMP echo reply brings it back."""
        request = icmp_echo(0x7669, sequence, payload)
        reply = icmp_echo(0x7669, sequence, payload, kind=0)[:1] + request[4:8]

        def is_reply(frame: Frame) -> bool:
            packet = frame.ip
            if packet is None or packet.protocol != ICMP:
                return False
            return packet.payload[:1] + packet.payload[4:8] == reply

        packet = self.ask(self.to_guest(ICMP, request), is_reply).ip
        assert packet is not None
        return packet.payload[8:]

    def udp_echo(self, payload: bytes, port: int = 7) -> bytes:
        """The payload as the guest's UDP echo service brings it back."""

        def is_answer(frame: Frame) -> bool:
            packet = frame.ip
            return (
                packet is not None
                and packet.protocol == UDP
                and packet.payload[2:4] == LOCAL_PORT.to_bytes(2, "big")
            )

        datagram = udp_datagram(LOCAL_PORT, port, payload)
        packet = self.ask(self.to_guest(UDP, datagram), is_answer).ip
        assert packet is not None
        return packet.payload[8:]
