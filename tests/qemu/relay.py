"""A bad network between a guest and a tap: it loses, doubles, swaps, spoils and delays frames.

QEMU's end is a datagram socket, the other one a tap in a namespace, so the peer is the kernel's TCP.
What happens to a frame depends on nothing but the seed, the direction and the frame's number.
Checksums are the guest's own work here: such a network offers it no offload.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import heapq
import os
import random
import select
import socket
import threading
import time
from dataclasses import dataclass, field

from frames import ETH_IPV4, Frame
from netns import Namespace, TapNet

ETHERNET_BYTES = 14
FRAME_BUFFER = 1 << 16


@dataclass
class Faults:
    """How likely each fault is, from 0 to 1, and how long what is delayed takes."""

    loss: float = 0.0
    double: float = 0.0
    swap: float = 0.0  # held back until later frames have overtaken it
    spoil: float = 0.0
    swap_s: float = 0.02
    delay_s: float = 0.0  # most; of each frame


@dataclass
class Counts:
    """What was done to the frames of one direction."""

    frames: int = 0
    lost: int = 0
    doubled: int = 0
    swapped: int = 0
    spoiled: int = 0


@dataclass
class Direction:
    """One way through the network."""

    faults: Faults
    rng: random.Random
    counts: Counts = field(default_factory=Counts)

    def pass_on(self, frame: bytes) -> list[tuple[float, bytes]]:
        """What becomes of a frame: the frames that go on, each with a delay in seconds."""
        # As many numbers for each frame, whatever happens to it.
        lose, double, swap, spoil, delay, where = (self.rng.random() for _ in range(6))
        faults, counts = self.faults, self.counts
        counts.frames += 1
        if lose < faults.loss:
            counts.lost += 1
            return []
        seconds = delay * faults.delay_s
        if swap < faults.swap:
            counts.swapped += 1
            seconds += faults.swap_s
        copies = [(seconds, frame)]
        if double < faults.double:
            counts.doubled += 1
            copies.append((seconds, frame))
        if spoil < faults.spoil and Frame(frame, len(frame)).ethertype == ETH_IPV4:
            counts.spoiled += 1
            copies[0] = (seconds, flip_bit(frame, where))
        return copies


def flip_bit(frame: bytes, where: float) -> bytes:
    """Turn one bit of the IP packet over, which no checksum misses."""
    total = int.from_bytes(frame[ETHERNET_BYTES + 2 : ETHERNET_BYTES + 4], "big")
    bit = int(where * 8 * total)
    spoiled = bytearray(frame)
    spoiled[ETHERNET_BYTES + bit // 8] ^= 1 << bit % 8
    return bytes(spoiled)


class Relay:
    """Carries frames both ways in a thread, until it is closed."""

    def __init__(self, tap: int, wire: socket.socket, faults: Faults, seed: int) -> None:
        self.tap = tap
        self.wire = wire
        self.to_guest = Direction(faults, random.Random(f"{seed} to the guest"))
        self.from_guest = Direction(faults, random.Random(f"{seed} from the guest"))
        self.waiting: list[tuple[float, int, int, bytes]] = []  # when, in which order, to whom
        self.order = 0
        self.wake, self.end = socket.socketpair()
        self.thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        tap, wire, end = self.tap, self.wire.fileno(), self.end.fileno()
        while True:
            limit = max(self.waiting[0][0] - time.monotonic(), 0) if self.waiting else None
            readable = select.select([tap, wire, end], [], [], limit)[0]
            if end in readable:
                return
            try:
                if tap in readable:
                    self._take(self.to_guest, os.read(tap, FRAME_BUFFER), wire)
                if wire in readable:
                    self._take(self.from_guest, os.read(wire, FRAME_BUFFER), tap)
                self._deliver()
            except OSError:
                return  # QEMU has ended

    def _take(self, direction: Direction, frame: bytes, target: int) -> None:
        now = time.monotonic()
        for seconds, copy in direction.pass_on(frame):
            self.order += 1
            heapq.heappush(self.waiting, (now + seconds, self.order, target, copy))

    def _deliver(self) -> None:
        now = time.monotonic()
        while self.waiting and self.waiting[0][0] <= now:
            _, _, target, frame = heapq.heappop(self.waiting)
            os.write(target, frame)

    def close(self) -> None:
        """Take the network down."""
        self.wake.close()
        self.thread.join()
        self.end.close()
        self.wire.close()
        os.close(self.tap)


class BadNet(TapNet):
    """A tap with a bad network between it and the guest."""

    def __init__(self, namespace: Namespace, faults: Faults, seed: int) -> None:
        super().__init__(namespace, vnet_hdr=False)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.relay = Relay(self.fds[0], ours, faults, seed)
        self.fds = [theirs.detach()]
        self.netdev = f"socket,fd={self.fds[0]}"
