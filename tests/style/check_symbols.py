"""style.symbols: the driver links alone: of libc it needs the four mem functions, and no more.

Looks at libvirtio.a as built for the host and for both boards.

SPDX-License-Identifier: BSD-3-Clause
"""

import re
import subprocess
import tempfile
from pathlib import Path

import common

# (build tree, prefix of the tools, their package)
TREES = [
    ("host", "", "binutils"),
    ("riscv64", "riscv64-unknown-elf-", "binutils-riscv64-unknown-elf"),
    ("aarch64", "aarch64-linux-gnu-", "binutils-aarch64-linux-gnu"),
]

# What a compiler may call by itself: libgcc's arithmetic, the sanitizers of the host tree, the
# stack protector, and the linker's own table.
COMPILER = re.compile(
    r"^(__(asan|ubsan)_\w+|__stack_chk_(fail|guard)|_GLOBAL_OFFSET_TABLE_|"
    r"__(u?(div|mod|divmod)|mul|ashl|ashr|lshr|neg|cmp|ucmp|clz|ctz|ffs|bswap|popcount|parity)"
    r"[sdt]i[234]?)$"
)
LIBC = {"memcpy", "memmove", "memset", "memcmp"}


def undefined(archive: Path, prefix: str, package: str) -> list[str]:
    """The symbols that the whole archive, linked into one object, leaves undefined."""
    linker = common.tool(f"{prefix}ld", package)
    lister = common.tool(f"{prefix}nm", package)
    with tempfile.TemporaryDirectory() as folder:
        whole = str(Path(folder, "whole.o"))
        command = [linker, "-r", "-o", whole, "--whole-archive", str(archive)]
        subprocess.run(command, check=True)
        listing = subprocess.run(
            [lister, "--undefined-only", "--format=posix", whole],
            check=True,
            capture_output=True,
            text=True,
        )
    return [line.split()[0] for line in listing.stdout.splitlines()]


def check_archive(archive: Path, prefix: str, package: str) -> list[str]:
    """The undefined symbols that nobody allowed."""
    return [
        symbol
        for symbol in undefined(archive, prefix, package)
        if symbol not in LIBC and not COMPILER.match(symbol)
    ]


def check(ctx: common.Context) -> list[str]:
    """Findings: one line for each symbol, or for a tree that is not there."""
    findings = []
    for tree, prefix, package in TREES:
        archive = ctx.build / tree / "libvirtio.a"
        if not archive.exists():
            cure = f"cmake --preset {tree} && cmake --build --preset {tree}"
            findings.append(f"{tree}: there is no {archive.name}. Cure: {cure}")
            continue
        findings += [f"{tree}: needs {name}" for name in check_archive(archive, prefix, package)]
    return findings


if __name__ == "__main__":
    common.main(check)
