"""Code and RAM of the driver and the port, in tables, held against tests/size/baseline.json.

  python3 tests/size/size.py            measure, print, compare
  python3 tests/size/size.py --update   measure, print, make that the baseline
  python3 tests/size/size.py --images   whole images of the app echo, from build/<board>

The objects are compiled here, one by one, for the boards' processors but without their own options
and without link-time optimization. An object, all of them, or a piece of memory that grew by more
than 3 % fails; growth that is wanted is committed with --update.

Exit codes: 0 all is well, 1 something grew, 2 a tool or an image is missing, 77 the baseline is
another compiler's, so NOT RUN.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BASELINE = Path(__file__).with_name("baseline.json")
NOT_RUN = 77

GROWTH_PERCENT = 3
GROWTH_BYTES = 32  # eight instructions: a smaller change is no growth, however small the object

# What this is to stay below, in bytes of text: (target, configuration) to limit.
AIMS = {("riscv64 -O2", "all features"): 14 * 1024, ("riscv64 -Os", "smallest"): 8 * 1024}


@dataclass(frozen=True)
class Target:
    """A processor and a way to optimize for it."""

    toolchain: str
    prefix: str
    package: str
    optimize: str

    def __str__(self) -> str:
        return f"{self.toolchain.split('-')[0]} {self.optimize}"


@dataclass(frozen=True)
class Configuration:
    """A set of options, and the queues that its memory is stated for."""

    name: str
    opts: str
    definitions: tuple[str, ...]
    rings: tuple[int, int, int]  # receive and transmit descriptors, receive buffers


RISCV = ("riscv64-unknown-elf", "riscv64-unknown-elf-", "gcc-riscv64-unknown-elf")
ARM = ("aarch64-linux-gnu", "aarch64-linux-gnu-", "gcc-aarch64-linux-gnu")
TARGETS = [Target(*RISCV, "-O2"), Target(*RISCV, "-Os"), Target(*ARM, "-O2"), Target(*ARM, "-Os")]

NO_LEGACY = ("-DVIRTIO_LEGACY=0",)
CONFIGURATIONS = [
    Configuration("all features", "port/lwipopts", (), (64, 64, 128)),
    Configuration("no legacy", "port/lwipopts", NO_LEGACY, (64, 64, 128)),
    Configuration("smallest", "port/lwipopts/minimal", NO_LEGACY, (8, 8, 8)),
]

# What no interface needs: measured, and held against the baseline, but not a part of "all".
APART = {"virtio/virtio_rng.c"}

# All that one interface takes, as a program would write it.
PROBE = """
#include "netif/virtioif.h"
#include "virtio/virtio_mmio.h"
VIRTIOIF_MEMORY(memory, {}, {}, {});
const struct virtioif_memory *probe = &memory;
struct virtioif state;
struct virtio_mmio transport;
"""
PROBE_PARTS = {
    "state": "struct virtioif",
    "transport": "struct virtio_mmio",
    "memory_dma": "rings, buffers, slots",
    "memory_shadow": "notes on descriptors",
    "memory_rxbufs": "pbufs of buffers",
    "memory_txslots": "notes on slots",
}

# target -> configuration -> object or piece of memory -> bytes
Sizes = dict[str, dict[str, dict[str, int]]]


def stop(message: str) -> None:
    """End: nothing could be measured."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def tool(target: Target, name: str) -> str:
    """The path of a tool of the target's toolchain."""
    path = shutil.which(target.prefix + name)
    if path is None:
        stop(f"{target.prefix}{name} is missing. Cure: apt-get install {target.package}")
    return str(path)


def output(command: Sequence[str], text: str | None = None) -> str:
    """What a command prints that has to succeed."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        stop(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


# ---- measuring ---------------------------------------------------------------------------------


def sources(folder: str) -> list[Path]:
    """The sources that cmake/virtioif.cmake compiles: all of the folder."""
    return sorted((TOP / folder).glob("*.c"))


def compiler(target: Target, config: Configuration, lwip: Path) -> list[str]:
    """The command that compiles for a target, with the options of its toolchain file."""
    text = (TOP / "cmake" / "toolchains" / f"{target.toolchain}.cmake").read_text()
    match = re.search(r'CMAKE_C_FLAGS_INIT\s+"([^"]*)"', text)
    assert match, "no CMAKE_C_FLAGS_INIT in the toolchain file"
    return [
        tool(target, "gcc"), *match[1].split(), "-std=c11", target.optimize, "-DNDEBUG",
        "-fno-asynchronous-unwind-tables", "-fno-unwind-tables",  # dropped by the linker script
        *config.definitions, f"-I{TOP}/virtio/include", f"-I{TOP / config.opts}",
        f"-I{TOP}/port/include", "-isystem", f"{lwip}/src/include",
    ]  # fmt: skip


def object_bytes(target: Target, path: Path) -> tuple[int, int]:
    """Code with constants, and variables, of an object or image."""
    text, data, bss = output([tool(target, "size"), str(path)]).splitlines()[1].split()[:3]
    return int(text), int(data) + int(bss)


def measure_one(target: Target, config: Configuration, lwip: Path, folder: Path) -> dict[str, int]:
    """Bytes of each object of one configuration, and of the memory of one interface."""
    command = compiler(target, config, lwip)
    sizes = {}
    for path in [*sources("virtio"), *sources("port")]:
        made = folder / f"{path.stem}.o"
        output([*command, "-c", str(path), "-o", str(made)])
        text, variables = object_bytes(target, made)
        sizes[f"{path.parent.name}/{path.name}"] = text
        sizes[f"{path.parent.name}/{path.name} variables"] = variables
    probe = folder / "probe.o"
    text = PROBE.format(*config.rings)
    output([*command, "-fno-common", "-x", "c", "-c", "-", "-o", str(probe)], text)
    for line in output([tool(target, "nm"), "-S", "--format=posix", str(probe)]).splitlines():
        name, _, _, size = (line.split() + ["0"])[:4]
        if name in PROBE_PARTS:
            sizes[f"RAM: {PROBE_PARTS[name]}"] = int(size, 16)
    sizes |= {name: sizes.pop(name) for name in sorted(APART)}
    return {name: size for name, size in sizes.items() if size > 0}


def measure(lwip: Path) -> Sizes:
    """All of it, on two processors."""
    if not (lwip / "src/core/init.c").is_file():
        stop(f"there is no lwIP in {lwip}. Cure: git submodule update --init lwip")
    sizes: Sizes = {str(target): {} for target in TARGETS}
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(max_workers=2) as pool:
        jobs = []
        for target in TARGETS:
            for config in CONFIGURATIONS:
                folder = Path(tempfile.mkdtemp(dir=work))
                job = pool.submit(measure_one, target, config, lwip, folder)
                jobs.append((str(target), config.name, job))
        for target_name, config_name, job in jobs:
            sizes[target_name][config_name] = job.result()
    return sizes


def compilers() -> dict[str, str]:
    """Who makes these sizes."""
    return {
        target.toolchain: output([tool(target, "gcc"), "-dumpfullversion"]).strip()
        for target in TARGETS
    }


# ---- printing ----------------------------------------------------------------------------------


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table for people and for Markdown: the first column is words, the others numbers."""
    texts = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(head), *texts]) for i in range(len(head))]
    texts.insert(0, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    for line in [list(head), *texts]:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        print(f"| {' | '.join(cells)} |")
    print()


def names(sizes: dict[str, int], ram: bool) -> list[str]:
    """The names of the objects, or of the pieces of memory."""
    return [name for name in sizes if is_ram(name) == ram]


def is_ram(name: str) -> bool:
    """Whether a size is one of memory."""
    return name.startswith("RAM: ") or name.endswith(" variables")


def total(sizes: dict[str, int], ram: bool) -> int:
    """All code, or all memory, of an interface."""
    return sum(sizes[name] for name in names(sizes, ram) if name not in APART)


def print_sizes(sizes: Sizes) -> None:
    """Code by object for each target, then memory, which is the same for all of them."""
    for target, by_config in sizes.items():
        print(f"Code and constants in bytes, {target}\n")
        objects = names(next(iter(by_config.values())), ram=False)
        rows: list[list[object]] = [
            [name, *(by_config[c.name].get(name, 0) for c in CONFIGURATIONS)] for name in objects
        ]
        apart = [row for row in rows if row[0] in APART]
        rows = [row for row in rows if row[0] not in APART]
        rows.append(["all", *(total(by_config[c.name], ram=False) for c in CONFIGURATIONS)])
        rows += [[f"apart: {name}", *numbers] for name, *numbers in apart]
        print_table(["", *(c.name for c in CONFIGURATIONS)], rows)
    for (target, config), aim in AIMS.items():
        text = total(sizes[target][config], ram=False)
        verdict = f"{text - aim:,} bytes above" if text > aim else f"{aim - text:,} bytes below"
        print(f"aim for {target}, {config}: {aim:,} bytes; {text:,} is {verdict}")
    print("\nRAM of one interface in bytes; receive descriptors/transmit descriptors/buffers\n")
    by_config = next(iter(sizes.values()))
    pieces = names(by_config[CONFIGURATIONS[0].name], ram=True)
    rows = [[name, *(by_config[c.name].get(name, 0) for c in CONFIGURATIONS)] for name in pieces]
    rows.append(["all", *(total(by_config[c.name], ram=True) for c in CONFIGURATIONS)])
    head = [f"{c.name} {'/'.join(map(str, c.rings))}" for c in CONFIGURATIONS]
    print_table(["", *head], rows)


# ---- comparing ---------------------------------------------------------------------------------


def compare(before: Sizes, now: Sizes) -> tuple[list[str], list[str]]:
    """What grew too much, and what shrank so much that a new baseline would hold it."""
    grown, shrunk = [], []
    for target, by_config in now.items():
        for config, sizes in by_config.items():
            old = before.get(target, {}).get(config, {})
            old, sizes = ({**each, "all code": total(each, ram=False)} for each in (old, sizes))
            for name in sorted(sizes.keys() | old.keys()):
                was, is_now = old.get(name, 0), sizes.get(name, 0)
                enough = max(was * GROWTH_PERCENT / 100, 0 if is_ram(name) else GROWTH_BYTES)
                line = f"{target}, {config}: {name}: {was:,} -> {is_now:,} bytes"
                if is_now > was + enough:
                    grown.append(line)
                elif is_now < was - enough:
                    shrunk.append(line)
    return grown, shrunk


def gate(sizes: Sizes) -> int:
    """Hold the sizes against the baseline. Returns the exit code."""
    if not BASELINE.is_file():
        stop(f"there is no {BASELINE.name}. Cure: python3 tests/size/size.py --update")
    baseline = json.loads(BASELINE.read_text())
    if baseline["compilers"] != compilers():
        print(f"NOT RUN: the baseline was made by {baseline['compilers']}, here is {compilers()}")
        return NOT_RUN
    grown, shrunk = compare(baseline["sizes"], sizes)
    for line in shrunk:
        print(f"shrank: {line}")
    for line in grown:
        print(f"GREW: {line}")
    if grown:
        print(f"more than {GROWTH_PERCENT} %. Cure, if it is worth it: python3 tests/size/size.py --update")
    return 1 if grown else 0


def update(sizes: Sizes) -> None:
    """Make the sizes the baseline."""
    content = {"compilers": compilers(), "sizes": sizes}
    BASELINE.write_text(json.dumps(content, indent=2) + "\n")


# ---- whole images ------------------------------------------------------------------------------

BOARDS = {"riscv64": TARGETS[0], "aarch64": TARGETS[2]}
IMAGES = ["echo_minimal", "echo_default", "echo_throughput", "echo", "web"]

# Where the memory of an image goes, by symbol.
OWNERS = [
    ("interface", re.compile(r"nic(_memory\w*)?(\.\w+)*$|mmio(\.\w+)*$")),
    ("lwIP's heap", re.compile(r"ram_heap")),
    ("lwIP's pools", re.compile(r"memp_memory_")),
]


def image_row(board: str, app: str, build: Path) -> list[object]:
    """One image: what it takes, and who takes the memory."""
    target = BOARDS[board]
    path = build / board / "examples" / f"{app}.elf"
    if not path.is_file():
        stop(f"{path} is missing. Cure: cmake --build {build / board} --target all profile_images")
    text, data, bss = output([tool(target, "size"), str(path)]).splitlines()[1].split()[:3]
    owned = {name: 0 for name, _ in OWNERS}
    for line in output([tool(target, "nm"), "-S", "--format=posix", str(path)]).splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[1] in "bBdD":
            for owner, pattern in OWNERS:
                if pattern.match(fields[0]):
                    owned[owner] += int(fields[3], 16)
                    break
    ram = int(data) + int(bss)
    rest = ram - sum(owned.values())
    return [f"{app}, {board}", int(text), int(data), int(bss), ram, *owned.values(), rest]


def print_images(build: Path) -> None:
    """The app echo with each profile, and the demos with their own options."""
    print("Whole images in bytes; RAM is data and bss, the columns after it are whose it is\n")
    rows = [image_row(board, app, build) for app in IMAGES for board in BOARDS]
    print_table(["", "text", "data", "bss", "RAM", *(name for name, _ in OWNERS), "rest"], rows)


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description="Sizes of virtio/ and port/")
    parser.add_argument("--lwip", type=Path, default=TOP / "lwip", help="the lwIP tree")
    parser.add_argument("--build", type=Path, default=TOP / "build", help="where build trees are")
    parser.add_argument("--update", action="store_true", help="make this the baseline")
    parser.add_argument("--images", action="store_true", help="whole images instead")
    args = parser.parse_args()
    if args.images:
        print_images(args.build)
        return
    sizes = measure(args.lwip)
    print_sizes(sizes)
    if args.update:
        update(sizes)
    else:
        sys.exit(gate(sizes))


if __name__ == "__main__":
    main()
