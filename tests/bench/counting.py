"""Counting: what the guest executes for a piece of work.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import vm
from image import IDLE, Image, Symbol
from vm import Client, Counters, Events, Guest

SEGMENT = 1460
PINNED = ("taskset", "-c", "0")  # runs are steadier when client and guest share a processor
WORSE_PERCENT = 5.0
# A busy host adds wake-ups of its own; a tick that somebody adds makes more of them.
IDLE_WORSE_PERCENT = 30.0
IDLE_S = 1.0
IDLE_WINDOWS = 4
IDLE_METRIC = "idle_wakes_per_s"


@dataclass(frozen=True)
class Setting:
    """What is measured."""

    board: str
    transport: str
    network: str
    profile: str

    def image(self, plain: bool = False) -> Path:
        """The image with the services to measure; its name says which lwIP options it has.

        plain: the one without link-time optimization, in which each function is by itself.
        """
        app = "bench" if self.profile == "default" else f"bench_{self.profile}"
        return (vm.BENCH if plain else vm.smoke.BUILD) / self.board / "examples" / f"{app}.elf"

    def key(self) -> str:
        """Its name in tables and in the baseline."""
        return "/".join((self.board, self.transport, self.network, self.profile))


@dataclass(frozen=True)
class Work:
    """A piece of work to count."""

    name: str
    client: str  # what the client does
    metric: str  # instructions per unit
    unit_name: str
    unit: int  # what one unit is in the client's amounts
    units: int
    warm_up: int  # units before counting begins
    tap_only: bool = False
    large: bool = False  # with large receive and send
    shares: bool = False  # count driver and port by themselves, too

    @property
    def is_bulk(self) -> bool:
        """Whether its units are segments."""
        return self.unit == SEGMENT


WORKS = (
    Work("echo", "echo", "echo_rtt_insns", "echo", 1, 2000, 200, shares=True),
    Work("rx", "sink", "rx_segment_insns", "segment", SEGMENT, 8000, 500, shares=True),
    Work("tx", "source", "tx_segment_insns", "tx_segment", SEGMENT, 8000, 500, shares=True),
    Work(
        "tx_steady", "steady", "tx_steady_segment_insns", "tx_steady_segment", SEGMENT, 8000, 500,
        tap_only=True,
    ),
    Work("get", "get", "get_insns", "get", 1, 500, 50, shares=True),
    Work("echo_16", "echo_16", "echo_16_insns", "echo_16", 1, 8000, 800, tap_only=True),
    Work("get_16", "get_16", "get_16_insns", "get_16", 1, 2000, 200, tap_only=True),
    Work(
        "rx_lro", "sink", "rx_segment_lro_insns", "lro_segment", SEGMENT, 16000, 1000,
        tap_only=True, large=True,
    ),
    Work(
        "tx_tso", "source", "tx_segment_tso_insns", "tso_segment", SEGMENT, 16000, 1000,
        tap_only=True, large=True,
    ),
)  # fmt: skip


@dataclass
class Cost:
    """What one function costs per unit of work."""

    symbol: Symbol | None
    insns: float = 0.0
    calls: float = 0.0
    accesses: float = 0.0


@dataclass(frozen=True)
class Count:
    """What is held against the baseline: the sum of what functions cost, and what the peer did.

    from_peer: frames to the guest per unit of work, 0 where nobody knows. How often a peer
    acknowledges, and what it puts into one frame, is no doing of the guest's code.
    worse_percent: how much more is too much.
    """

    metric: str
    symbols: dict[str, float]
    from_peer: float = 0.0
    what: str = "instructions"
    worse_percent: float = WORSE_PERCENT

    @property
    def value(self) -> float:
        """The value of the metric."""
        return sum(self.symbols.values())


class Sample:
    """What one run of a work cost, per unit of work and without the idle loop."""

    def __init__(self, image: Image, work: Work, events: Events, plain: bool) -> None:
        self.image, self.work, self.events, self.plain = image, work, events, plain
        self.costs: dict[str, Cost] = {}
        for index, count in enumerate(events.counts):
            if count or events.accesses[index]:
                self._add(index)

    def _add(self, index: int) -> None:
        address = self.image.base + (index - 1) * self.image.step
        symbol = self.image.symbol(address) if index > 0 else None
        name = symbol.name if symbol else "(unknown)"
        cost = self.costs.setdefault(name, Cost(symbol))
        cost.accesses += self.events.accesses[index] / self.work.units
        if symbol is None or not symbol.is_idle:
            cost.insns += self.events.counts[index] / self.work.units
        if symbol is not None and symbol.start == address:
            cost.calls += self.events.counts[index] / self.work.units

    @property
    def metric(self) -> str:
        """What is gated: all instructions or, in the plain image, those of driver and port."""
        return f"driver_{self.work.name}_insns" if self.plain else self.work.metric

    @property
    def symbols(self) -> dict[str, float]:
        """Instructions of each function that counts for the metric."""
        return {
            name: cost.insns
            for name, cost in self.costs.items()
            if not self.plain or (cost.symbol and cost.symbol.is_driver)
        }

    @property
    def insns(self) -> float:
        """The value of the metric."""
        return sum(self.symbols.values())

    @property
    def count(self) -> Count:
        """What is gated. Of an optimized image on user networking nobody knows the frames."""
        known = self.plain or self.events.frames != (0, 0)
        return Count(self.metric, self.symbols, self.frames()[0] if known else 0.0)

    def frames(self) -> tuple[float, float]:
        """Frames to and from the guest: on the tap if there is one, else as lwIP's functions were
        called, which only shows in the plain image."""
        found = self.events.frames
        if found != (0, 0):
            return found[0] / self.work.units, found[1] / self.work.units
        calls = [self.costs.get(name, Cost(None)).calls for name in ("tcp_input", "ethernet_output")]
        return calls[0], calls[1]

    def copied_per_byte(self) -> float:
        """Bytes written by the functions that copy, per byte of payload."""
        stores = self.image.copy_stores.items()
        written = sum(self.events.counts[index] * size for index, size in stores)
        return written / (self.work.units * self.work.unit)

    def metrics(self) -> dict[str, float]:
        """The figures of this run."""
        work, events, per = self.work, self.events, f"per_{self.work.unit_name}"
        found = {self.metric: self.insns}
        to_guest, from_guest = self.frames()
        data, acks = (to_guest, from_guest) if work.client == "sink" else (from_guest, to_guest)
        if work.is_bulk and acks > 0:
            found[f"acks_{per}"] = acks
        if self.plain:
            return found
        if work.is_bulk:
            found[f"copies_per_byte_{work.name}"] = self.copied_per_byte()
            if data > 0:
                found[f"frame_bytes_{work.name}"] = SEGMENT / data
        found[f"kicks_{per}"] = events.kicks[1] / work.units
        found[f"rx_kicks_{per}"] = events.kicks[0] / work.units
        found[f"irqs_{per}"] = events.interrupts / work.units
        found[f"device_accesses_{per}"] = sum(events.accesses) / work.units
        return found


@contextmanager
def counted_guest(setting: Setting, plain: bool, large: bool) -> Iterator[tuple[Guest, Counters]]:
    """One of our images, being counted."""
    network = vm.NETWORKS[setting.network]
    path = setting.image(plain)
    device = vm.NO_LARGE if setting.network == "tap" and not large else ""
    command = vm.image_command(setting.board, setting.transport, network, path, device)
    with Counters(Image(path)) as counters:
        with Guest(command + counters.arguments, list(PINNED)) as guest:
            guest.wait_for(f"virtioif: ready {network.guest}")
            yield guest, counters


def count_work(setting: Setting, counters: Counters, work: Work, runs: int) -> list[Events]:
    """Run a work several times, each on a connection of its own."""
    found = []
    for _ in range(runs):
        with Client(vm.NETWORKS[setting.network], work.client, PINNED) as client:
            client.run(work.warm_up * work.unit)
            first = counters.snapshot()
            client.run(work.units * work.unit)
            found.append(counters.between(first, counters.snapshot()))
    return found


def count_idle(guest: Guest, counters: Counters) -> dict[str, float]:
    """What is executed while nothing happens: lwIP's timers. Here the idle loop counts, too.

    A busy host wakes a guest late, and then for one timer after the other instead of for all of
    them: the least of several rates has the fewest of such wake-ups. All snapshots are taken as
    long after a timer, so that no part of a period is counted.
    """
    used, idle = guest.host_seconds(), counters.image.index(counters.image.idle.start)
    snapshots, times = [counters.snapshot()], [time.monotonic()]
    rates = []
    for _ in range(IDLE_WINDOWS):
        time.sleep(IDLE_S)
        snapshots.append(counters.snapshot())
        times.append(time.monotonic())
        wakes = counters.between(snapshots[-2], snapshots[-1]).counts[idle]
        rates.append(wakes / (times[-1] - times[-2]))
    seconds = times[-1] - times[0]
    return {
        "idle_insns_per_s": sum(counters.between(snapshots[0], snapshots[-1]).counts) / seconds,
        IDLE_METRIC: min(rates),
        "idle_host_percent": 100 * (guest.host_seconds() - used) / seconds,
    }


def idle_count(metrics: dict[str, float]) -> list[Count]:
    """What of the idle metrics is gated, if they were asked for."""
    if IDLE_METRIC not in metrics:
        return []
    wakes = {IDLE: metrics[IDLE_METRIC]}
    return [Count(IDLE_METRIC, wakes, what="wake-ups", worse_percent=IDLE_WORSE_PERCENT)]


def count_setting(
    setting: Setting,
    names: Sequence[str],
    runs: int,
    plain: bool,
    preferred: Callable[[Count], bool],
) -> Iterator[tuple[Sample | None, dict[str, float]]]:
    """Count everything that is asked for: (median sample, metrics) of each work.

    plain: count with the plain images, too. preferred: which runs count, if there are any such.
    """
    works = [work for work in WORKS if work.name in names]
    works = [work for work in works if setting.network == "tap" or not work.tap_only]
    boots = [
        (False, False, [work for work in works if not work.large]),
        (False, True, [work for work in works if work.large]),
        (True, False, [work for work in works if work.shares and plain]),
    ]
    for is_plain, large, some in boots:
        idle = "idle" in names and not is_plain and not large
        if not some and not idle:
            continue
        with counted_guest(setting, is_plain, large) as (guest, counters):
            if idle:
                yield None, count_idle(guest, counters)
            for work in some:
                events = count_work(setting, counters, work, runs)
                samples = [Sample(counters.image, work, event, is_plain) for event in events]
                samples.sort(key=lambda sample: sample.insns)
                alike = [sample for sample in samples if preferred(sample.count)] or samples
                middle = alike[len(alike) // 2]
                spread = 100 * (samples[-1].insns / samples[0].insns - 1)
                yield middle, {**middle.metrics(), f"spread_percent_{middle.metric}": spread}
