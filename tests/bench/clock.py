"""Wall clock: ratios to a Linux guest in the same run, and the time to boot. Reported, never gated.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import operator
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import linux
import vm
from counting import PINNED, SEGMENT, Setting
from image import Image
from vm import Client, Guest

RUNS = 7
BOOTS = 10


@dataclass(frozen=True)
class Rate:
    """A piece of work to time, with amounts that take about as long on either guest."""

    name: str
    client: str  # what the client does
    unit: int  # what one unit is in the client's amounts
    units: int
    linux_units: int


RATES = (
    Rate("echo", "echo", 1, 5000, 500),
    Rate("rx", "sink", SEGMENT, 20000, 20000),
    Rate("tx", "source", SEGMENT, 20000, 20000),
    Rate("get", "get", 1, 3000, 300),
    Rate("echo_16", "echo_16", 1, 15000, 750),
    Rate("get_16", "get_16", 1, 10000, 500),
)


def compare_with_linux(setting: Setting) -> dict[str, float]:
    """Rates of our image and of a Linux guest, in turns on one host processor: medians."""
    network, other = vm.NETWORKS[setting.network], vm.OTHER_NETWORKS[setting.network]
    command = vm.image_command(setting.board, setting.transport, network, setting.image(), "")
    found: dict[str, float] = {}
    with (
        Guest(command, list(PINNED)) as our_guest,
        Guest(linux.command(setting.board, setting.transport, other), list(PINNED)) as their_guest,
    ):
        our_guest.wait_for(f"virtioif: ready {network.guest}")
        their_guest.wait_for(linux.READY)
        for work in RATES:
            found.update(compare_rates(work, network, other))
    return found


def compare_rates(work: Rate, network: vm.Network, other: vm.Network) -> dict[str, float]:
    """The same for one kind of work."""
    amounts = work.units * work.unit, work.linux_units * work.unit
    with Client(network, work.client, PINNED) as ours, Client(other, work.client, PINNED) as theirs:
        ours.run(amounts[0])
        theirs.run(amounts[1])
        pairs = [(ours.run(amounts[0]), theirs.run(amounts[1])) for _ in range(RUNS)]
    our_rates, their_rates = ([amount / pair[i] for pair in pairs] for i, amount in enumerate(amounts))
    scale, unit = (8e-6, "mbit_per_s") if work.unit == SEGMENT else (1, "per_s")
    return {
        f"{work.name}_{unit}": scale * statistics.median(our_rates),
        f"linux_{work.name}_{unit}": scale * statistics.median(their_rates),
        f"linux_ratio_{work.name}": statistics.median(map(operator.truediv, our_rates, their_rates)),
    }


def boot(setting: Setting) -> dict[str, float]:
    """Seconds from QEMU's start to the first TCP answer of the image web, and its size."""
    network = vm.NETWORKS[setting.network]
    image = vm.smoke.image_path(setting.board, "web")
    command = vm.image_command(setting.board, setting.transport, network, image, "")
    times = []
    for _ in range(BOOTS):
        start = time.monotonic()
        with Guest(command, list(PINNED)) as guest:
            guest.wait_for(f"virtioif: ready {network.guest}")
            with Client(network, "echo", PINNED) as client:
                client.run(1)
            times.append(time.monotonic() - start)
    return {"boot_s": statistics.median(times), "web_image_bytes": loaded_bytes(image)}


def loaded_bytes(path: Path) -> float:
    """Text and data of an image: what its file brings into memory."""
    return sum(section.size for section in Image(path).sections if section.is_loaded)
