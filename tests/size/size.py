"""Code and RAM of the driver and the port, in tables, held against tests/size/baseline.json.

  python3 tests/size/size.py            measure, print, compare
  python3 tests/size/size.py --update   measure, print, make that the baseline
  python3 tests/size/size.py --images   whole images of the app echo and web, from build/<board>

Code is counted as an image of a board gets it: compiled with the board's options, linked with
--gc-sections from what virtioif.h's "Usage" and lwIP call, but without link-time optimization. All
that driver and port call beyond themselves is a label. A source, all of them, or a piece of memory
that grew by more than 3 % fails; growth that is wanted is committed with --update. What is above
its aim fails however it came there, and so does an image above its limit.

Exit codes: 0 all is well, 1 something grew or is too large, 2 a tool or an image is missing, 77 the
baseline is another compiler's, so NOT RUN.

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

# What this is not to exceed, in bytes of text: (target, configuration) to limit.
AIMS = {("riscv64 -O2", "all features"): 14 * 1024, ("riscv64 -Os", "smallest"): 8 * 1024}


@dataclass(frozen=True)
class Target:
    """A board's processor and a way to optimize for it."""

    board: str
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


RISCV = (
    "qemu_virt_riscv64", "riscv64-unknown-elf", "riscv64-unknown-elf-", "gcc-riscv64-unknown-elf",
)  # fmt: skip
ARM = (
    "qemu_virt_aarch64", "aarch64-linux-gnu", "aarch64-linux-gnu-", "gcc-aarch64-linux-gnu",
)  # fmt: skip
TARGETS = [Target(*RISCV, "-O2"), Target(*RISCV, "-Os"), Target(*ARM, "-O2"), Target(*ARM, "-Os")]

MINIMAL = "port/lwipopts/minimal"
NO_LEGACY = ("-DVIRTIO_LEGACY=0",)
NO_OFFLOAD = ("-DLWIP_CHECKSUM_CTRL_PER_NETIF=0",)
CONFIGURATIONS = [
    Configuration("all features", "port/lwipopts", (), (64, 64, 128)),
    Configuration("no legacy", "port/lwipopts", NO_LEGACY, (64, 64, 128)),
    Configuration("minimal", MINIMAL, NO_LEGACY, (8, 8, 8)),
    Configuration("smallest", MINIMAL, NO_LEGACY + NO_OFFLOAD, (8, 8, 8)),
]

# What a program calls, and what lwIP calls is added to it.
USED = ["virtio_mmio_probe", "virtioif_init", "virtioif_poll", "virtioif_isr", "virtioif_idle"]
# Those of lwIP's sources that call the port.
CALLERS = ["core/inet_chksum.c", "core/ipv4/ip4.c", "core/ipv6/ip6.c", "core/tcp_in.c"]

# What no interface needs: measured, and held against the baseline, but not a part of "all".
APART = {"virtio/virtio_rng.c": "virtio_rng_read"}
# All code, if a program called every function that there is.
EVERYTHING = "all there is to call"
BESIDE = {*APART, EVERYTHING}

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
    "memory_rx_free_list": "free buffers",
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


def board_options(board: str) -> list[str]:
    """The compiler options that the board adds to those of its toolchain."""
    text = (TOP / "examples" / "board" / board / "board.cmake").read_text()
    match = re.search(r"set\(BOARD_COMPILE_OPTIONS(.*?)\)\n", text, flags=re.S)
    assert match, "no BOARD_COMPILE_OPTIONS in board.cmake"
    return re.findall(r"(?<![\w-])-[fm][\w=-]+", match[1])


def compiler(target: Target, config: Configuration, lwip: Path) -> list[str]:
    """The command that compiles for a target, with the options of its toolchain file and board."""
    text = (TOP / "cmake" / "toolchains" / f"{target.toolchain}.cmake").read_text()
    match = re.search(r'CMAKE_C_FLAGS_INIT\s+"([^"]*)"', text)
    assert match, "no CMAKE_C_FLAGS_INIT in the toolchain file"
    return [
        tool(target, "gcc"), *match[1].split(), *board_options(target.board), "-std=c11",
        target.optimize, "-DNDEBUG",
        "-fno-asynchronous-unwind-tables", "-fno-unwind-tables",  # dropped by the linker script
        *config.definitions, f"-I{TOP}/virtio/include", f"-I{TOP / config.opts}",
        f"-I{TOP}/port/include", "-isystem", f"{lwip}/src/include",
    ]  # fmt: skip


def undefined(target: Target, objects: Sequence[Path]) -> set[str]:
    """What these objects call and do not have, each by itself."""
    lines = output([tool(target, "nm"), "-u", *map(str, objects)]).splitlines()
    return {line.split()[1] for line in lines if line.strip().startswith("U ")}


def called_by_lwip(target: Target, command: Sequence[str], lwip: Path, folder: Path) -> set[str]:
    """The functions of the port that lwIP calls in a configuration."""
    objects = []
    for name in CALLERS:
        objects.append(folder / f"lwip_{Path(name).stem}.o")
        output([*command, "-c", f"{lwip}/src/{name}", "-o", str(objects[-1])])
    return {name for name in undefined(target, objects) if name.startswith("virtioif_")}


CODE = ".text .text.* .rodata .rodata.* .srodata .srodata.*"
VARIABLES = ".data .data.* .sdata .sdata.* .bss .bss.* .sbss .sbss.* COMMON"


def linker_script(objects: dict[str, Path]) -> str:
    """A section for each source's code, one for its variables, and one for the labels."""
    lines = []
    for name, path in objects.items():
        lines.append(f'"{name}" : {{ *{path.name}({CODE}) }}')
        lines.append(f'"{name} variables" : {{ *{path.name}({VARIABLES}) }}')
    lines.append(".outside : { *(.outside) }")
    return "SECTIONS\n{\n. = 0x80000000;\n" + "\n".join(lines) + "\n}\n"


def link(
    target: Target, objects: dict[str, Path], labels: Path, roots: Sequence[str]
) -> dict[str, int]:
    """Bytes of code and variables of each source in an image; without roots all of them."""
    script = labels.with_suffix(".ld")
    script.write_text(linker_script(objects))
    made = labels.with_suffix(".elf")
    gc = ["--gc-sections", *(f"--undefined={root}" for root in roots)] if roots else []
    output([tool(target, "ld"), "-T", str(script), "-e", USED[0], *gc,
            *map(str, objects.values()), str(labels), "-o", str(made)])  # fmt: skip
    sizes = {}
    for line in output([tool(target, "size"), "-A", str(made)]).splitlines():
        match = re.match(r"((?:virtio|port)/\S+\.c(?: variables)?) +(\d+)", line)
        if match:
            sizes[match[1]] = int(match[2])
    return sizes


def measure_one(target: Target, config: Configuration, lwip: Path, folder: Path) -> dict[str, int]:
    """Bytes of each source of one configuration, and of the memory of one interface."""
    command = compiler(target, config, lwip)
    objects = {}
    for path in [*sources("virtio"), *sources("port")]:
        made = folder / f"{path.parent.name}_{path.stem}.o"
        output([*command, "-c", str(path), "-o", str(made)])
        objects[f"{path.parent.name}/{path.name}"] = made
    whole = folder / "whole.o"
    output([tool(target, "ld"), "-r", *map(str, objects.values()), "-o", str(whole)])
    labels = folder / "labels.o"
    text = '.section .outside, "ax"\n'
    for name in sorted(undefined(target, [whole])):
        text += f".balign 16\n.globl {name}\n{name}:\n.zero 16\n"
    output([*command, "-x", "assembler", "-c", "-", "-o", str(labels)], text)

    roots = [*USED, *APART.values(), *sorted(called_by_lwip(target, command, lwip, folder))]
    sizes = link(target, objects, labels, roots)
    everything = link(target, objects, labels, [])
    sizes[EVERYTHING] = total(everything, ram=False)

    probe = folder / "probe.o"
    text = PROBE.format(*config.rings)
    output([*command, "-fno-common", "-x", "c", "-c", "-", "-o", str(probe)], text)
    for line in output([tool(target, "nm"), "-S", "--format=posix", str(probe)]).splitlines():
        name, _, _, size = (line.split() + ["0"])[:4]
        if name in PROBE_PARTS:
            sizes[f"RAM: {PROBE_PARTS[name]}"] = int(size, 16)
    sizes |= {name: sizes.pop(name) for name in [*sorted(APART), EVERYTHING]}
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
    return sum(sizes[name] for name in names(sizes, ram) if name not in BESIDE)


def print_sizes(sizes: Sizes) -> None:
    """Code by object for each target, then memory, which is the same for all of them."""
    for target, by_config in sizes.items():
        print(f"Code and constants in bytes, {target}\n")
        objects = names(next(iter(by_config.values())), ram=False)
        rows: list[list[object]] = [
            [name, *(by_config[c.name].get(name, 0) for c in CONFIGURATIONS)] for name in objects
        ]
        beside = [row for row in rows if row[0] in BESIDE]
        rows = [row for row in rows if row[0] not in BESIDE]
        rows.append(["all", *(total(by_config[c.name], ram=False) for c in CONFIGURATIONS)])
        rows += [[f"apart: {name}", *numbers] for name, *numbers in beside]
        print_table(["", *(c.name for c in CONFIGURATIONS)], rows)
    for (target, config), aim in AIMS.items():
        print(against_aim(target, config, total(sizes[target][config], ram=False), aim))
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


def against_aim(target: str, config: str, text: int, aim: int) -> str:
    """How far a configuration is from its aim, in words."""
    verdict = f"{text - aim:,} bytes above" if text > aim else f"{aim - text:,} bytes below"
    return f"aim for {target}, {config}: {aim:,} bytes; {text:,} is {verdict}"


def above_aims(sizes: Sizes) -> list[str]:
    """The configurations with more code than they are to have."""
    texts = {key: total(sizes[key[0]][key[1]], ram=False) for key in AIMS}
    return [against_aim(*key, texts[key], aim) for key, aim in AIMS.items() if texts[key] > aim]


def read_baseline() -> dict:
    """The stored baseline."""
    if not BASELINE.is_file():
        stop(f"there is no {BASELINE.name}. Cure: python3 tests/size/size.py --update")
    return json.loads(BASELINE.read_text())


def other_compilers(baseline: dict) -> bool:
    """Whether sizes made here cannot be judged, because the baseline was made by others; says so."""
    if baseline["compilers"] == compilers():
        return False
    print(f"NOT RUN: the baseline was made by {baseline['compilers']}, here is {compilers()}")
    return True


def gate(sizes: Sizes) -> int:
    """Hold the sizes against the baseline and the aims. Returns the exit code."""
    baseline = read_baseline()
    if other_compilers(baseline):
        return NOT_RUN
    grown, shrunk = compare(baseline["sizes"], sizes)
    too_large = above_aims(sizes)
    for line in shrunk:
        print(f"shrank: {line}")
    for line in grown:
        print(f"GREW: {line}")
    if grown:
        print(f"more than {GROWTH_PERCENT} %. Cure, if it is worth it: python3 tests/size/size.py --update")
    for line in too_large:
        print(f"TOO LARGE: {line}")
    return 1 if grown or too_large else 0


def update(sizes: Sizes) -> None:
    """Make the sizes the baseline."""
    content = {"compilers": compilers(), "sizes": sizes}
    BASELINE.write_text(json.dumps(content, indent=2) + "\n")


# ---- whole images ------------------------------------------------------------------------------

BOARDS = {"riscv64": TARGETS[0], "aarch64": TARGETS[2]}
IMAGES = ["echo_minimal", "echo_default", "echo_throughput", "echo", "web"]
# What an image is not to exceed, in bytes of text and data.
IMAGE_LIMITS = {"web": 150_000}

# Where the memory of an image goes, by symbol.
OWNERS = [
    ("interface", re.compile(r"nic(_memory\w*)?(\.\w+)*$|mmio(\.\w+)*$")),
    ("lwIP's heap", re.compile(r"ram_heap")),
    ("lwIP's pools", re.compile(r"memp_memory_")),
]


def image_row(board: str, app: str, build: Path) -> list[int]:
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
    return [int(text), int(data), int(bss), ram, *owned.values(), rest]


def print_images(taken: dict[tuple[str, str], list[int]]) -> None:
    """The app echo with each profile, and the demos with their own options."""
    print("Whole images in bytes; RAM is data and bss, the columns after it are whose it is\n")
    rows = [[f"{app}, {board}", *row] for (app, board), row in taken.items()]
    print_table(["", "text", "data", "bss", "RAM", *(name for name, _ in OWNERS), "rest"], rows)


def large_images(taken: dict[tuple[str, str], list[int]]) -> list[str]:
    """The images, by app and board, with more text and data than they are to have."""
    found = []
    for (app, board), (text, data, *_) in taken.items():
        limit = IMAGE_LIMITS.get(app)
        if limit is not None and text + data > limit:
            found.append(f"{app}, {board}: {text + data:,} bytes of text and data, at most {limit:,}")
    return found


def images(build: Path) -> int:
    """Print the images, and hold them against their limits. Returns the exit code."""
    taken = {(app, board): image_row(board, app, build) for app in IMAGES for board in BOARDS}
    print_images(taken)
    if other_compilers(read_baseline()):
        return NOT_RUN
    too_large = large_images(taken)
    for line in too_large:
        print(f"TOO LARGE: {line}")
    return 1 if too_large else 0


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description="Sizes of virtio/ and port/")
    parser.add_argument("--lwip", type=Path, default=TOP / "lwip", help="the lwIP tree")
    parser.add_argument("--build", type=Path, default=TOP / "build", help="where build trees are")
    parser.add_argument("--update", action="store_true", help="make this the baseline")
    parser.add_argument("--images", action="store_true", help="whole images instead")
    args = parser.parse_args()
    if args.images:
        sys.exit(images(args.build))
    sizes = measure(args.lwip)
    print_sizes(sizes)
    if args.update:
        update(sizes)
    else:
        sys.exit(gate(sizes))


if __name__ == "__main__":
    main()
