"""A TCP client made by hand on a wire, which acknowledges no more than it has to.

It acknowledges with the data that it sends, and every second full segment: what RFC 1122 asks of a
receiver, with a delayed-ACK timer that never ends. A server that waits for an earlier ACK to go on,
as one that lets Nagle's algorithm hold back the end of an answer does, waits for ever.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable

from frames import TCP, Frame, Tcp, tcp
from wire import Wire

SYN, PSH, ACK = 0x02, 0x08, 0x10
MSS = 536  # of who announces none
WRAP = 1 << 32


class TcpPeer:
    """One connection to a port of the guest."""

    def __init__(self, link: Wire, port: int, local_port: int) -> None:
        self.link = link
        self.ports = local_port, port
        self.next = 1000  # of ours
        self.expected = 0  # of the guest's
        self.unacknowledged = 0  # full segments since our last ACK
        self.link.send(self._frame(SYN))
        self.next += 1
        answer = self._segment()
        assert answer.syn and answer.ack
        self.expected = (answer.sequence + 1) % WRAP
        self.link.send(self._frame(ACK))

    def _frame(self, flags: int, payload: bytes = b"") -> bytes:
        self.unacknowledged = 0
        segment = tcp(
            Wire.IP, Wire.GUEST_IP, *self.ports, flags, self.next, self.expected, payload
        )  # fmt: skip
        return self.link.to_guest(TCP, segment)

    def _segment(self) -> Tcp:
        def is_ours(frame: Frame) -> bool:
            packet = frame.ip
            if packet is None or packet.protocol != TCP:
                return False
            segment = Tcp(packet.payload)
            return (segment.port, segment.source_port) == self.ports

        packet = self.link.receive(is_ours).ip
        assert packet is not None
        return Tcp(packet.payload)

    def send(self, data: bytes) -> None:
        """Send data, all of it at once, with what was received so far acknowledged."""
        frames = []
        for at in range(0, len(data), MSS):
            payload = data[at : at + MSS]
            frames.append(self._frame(PSH | ACK, payload))
            self.next += len(payload)
        self.link.send(*frames)

    def receive(self, complete: Callable[[bytes], bool]) -> bytes:
        """Data until it is complete."""
        received = b""
        while not complete(received):
            segment = self._segment()
            assert not segment.rst and not segment.syn
            if segment.sequence != self.expected or not segment.payload:
                continue  # sent again, as we acknowledge so little
            received += segment.payload
            self.expected = (self.expected + len(segment.payload)) % WRAP
            self.unacknowledged += len(segment.payload) == MSS
            if self.unacknowledged == 2:
                self.link.send(self._frame(ACK))
        return received
