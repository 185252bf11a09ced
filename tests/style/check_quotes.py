"""style.quotes: the C code in the guides stands in a program of tests/consume, line for line.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re

import common

GUIDES = ("README.md", "port/README.md", "virtio/README.md")
C_BLOCK = re.compile(r"^```c\n(.*?)^```$", flags=re.M | re.S)


def check(ctx: common.Context) -> list[str]:
    """Findings: one line for each block of code that nothing builds."""
    programs = [
        "\n" + path.read_text() + "\n"
        for path in ctx.files("tests/consume", suffixes=(".c", ".h", ".cpp"))
    ]
    findings = []
    quotes = 0
    for name in GUIDES:
        path = ctx.top / name
        if not path.is_file():
            findings.append(f"{name}: is not there")
            continue
        text = path.read_text()
        for block in C_BLOCK.finditer(text):
            quotes += 1
            # A blank line in a quote may stand for lines that were left out.
            parts = re.split(r"\n\n+", block.group(1).strip("\n"))
            if not any(all(f"\n{part}\n" in program for part in parts) for program in programs):
                line = text.count("\n", 0, block.start()) + 1
                findings.append(f"{name}:{line}: this code stands in no file of tests/consume")
    if quotes == 0:
        findings.append("no code found in the guides")
    return findings


if __name__ == "__main__":
    common.main(check)
