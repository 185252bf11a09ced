"""style.layers: knowledge goes one way, applications -> port -> driver, and stays in its place.

SPDX-License-Identifier: BSD-3-Clause
"""

import re

import common

# (folders, forbidden include, why)
INCLUDE_RULES = [
    (("virtio",), r"(lwip|netif|arch|board)/|lwipopts\.h|board\.h", "the driver knows no stack"),
    (("port",), r"(board|demo)/|board\.h", "the port knows no board"),
    (("examples/apps",), r"virtio/|board", "an application knows lwIP only"),
    (("examples/board",), r"(lwip|netif|virtio|apps)/|lwipopts\.h", "a board knows no stack"),
]

# The driver stands on a freestanding C compiler and string.h.
VIRTIO_SYSTEM = {"stdbool.h", "stddef.h", "stdint.h", "string.h"}

ARCHITECTURE = re.compile(
    r"__riscv|__aarch64__|__arm__|__ARM_|__x86_64|__amd64|__i386|__powerpc|__ppc|__s390|__mips|"
    r"__loongarch|__xtensa|__sparc|_M_X64|_M_ARM"
)
ARCHITECTURE_ALLOWED = re.compile(
    r"^(virtio/include/virtio/virtio_hal\.h|port/include/arch/cc\.h|examples/board/.*)$"
)


def includes(text: str) -> list[tuple[int, str, str]]:
    """(line, delimiter, name) of each #include."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            found.append((number, match.group(1), match.group(2)))
    return found


def check(ctx: common.Context) -> list[str]:
    """Findings: one line for each include or #if in the wrong place."""
    if not ctx.files("virtio", "port", suffixes=(".c",)):
        return ["no sources found"]
    findings = []
    for folders, forbidden, why in INCLUDE_RULES:
        for path in ctx.files(*folders, suffixes=(".c", ".h", ".S")):
            for line, _, name in includes(common.blank_comments(path.read_text())):
                if re.match(forbidden, name) or "../" in name:
                    findings.append(f"{ctx.name(path)}:{line}: includes {name}: {why}")
    for path in ctx.files("virtio", suffixes=(".c", ".h")):
        for line, delimiter, name in includes(common.blank_comments(path.read_text())):
            if delimiter == "<" and name not in VIRTIO_SYSTEM:
                findings.append(f"{ctx.name(path)}:{line}: includes <{name}>: not freestanding")
    for path in ctx.files("virtio", "port", "examples", suffixes=(".c", ".h", ".S")):
        if ARCHITECTURE_ALLOWED.match(ctx.name(path)):
            continue
        text = common.blank_comments(path.read_text()).replace("\\\n", "  ")
        for number, line in enumerate(text.split("\n"), 1):
            if re.match(r"\s*#\s*(el)?if", line) and ARCHITECTURE.search(line):
                findings.append(f"{ctx.name(path)}:{number}: an #if on the architecture")
    return findings


if __name__ == "__main__":
    common.main(check)
