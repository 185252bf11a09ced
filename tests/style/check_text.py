"""style.text: what no file may hold (this machine, a registry, loose ends) and what each must.

SPDX-License-Identifier: BSD-3-Clause
"""

import re
from pathlib import Path

import common

# Written so that this file does not match itself.
FORBIDDEN = [
    (re.compile(r"\b(TO[D]O|FI[X]ME|X[X]X|HA[C]K)\b"), "a loose end"),
    (
        re.compile(r"(^|[^\w.~}/-])/(home|root|Users|work|workspace|farm|builds)/"),
        "a path of one machine",
    ),
    (
        re.compile(
            r"\b(deb|ftp|security|snapshot|archive|ports)\.(\w+\.)?(debian|ubuntu)\.|"
            r"\bregistry\.(npmjs|yarnpkg)\.|\b(test\.)?pypi\.org|\bpythonhosted\.|\bcrates\.io|"
            r"\bproxy\.golang\.|\brubygems\.|\bquay\.io|\bghcr\.io|\bdocker\.io"
        ),
        "a package registry's host (the machine's own set-up knows it)",
    ),
    (re.compile(r"[ \t]+$"), "a trailing blank"),
    (re.compile(r"\r"), "a carriage return"),
]

# Files with comments name the licence near the top.
SOURCE_SUFFIXES = {".c", ".cpp", ".h", ".S", ".ld", ".lds", ".py", ".sh", ".cmake", ".yml", ".in"}
SOURCE_NAMES = {"CMakeLists.txt", "Makefile", "run"}
LICENCE = "SPDX-License-Identifier: BSD-3-Clause"
LICENCE_LINES = 60

# clang-format breaks what it can; a long string or comment is for people to break.
COLUMNS_SUFFIXES = {".c", ".cpp", ".h", ".S"}
COLUMNS = 100
TABS_ALLOWED = re.compile(r"(^|/)Makefile$|\.(S|mk|pcap|tsv)$|^\.gitmodules$")

BINARY_SUFFIXES = {".png", ".ico", ".gif", ".jpg", ".gz", ".xz", ".pcap"}


def check_text(name: str, path: Path, text: str) -> list[str]:
    """Findings in one file."""
    findings = []
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        for pattern, what in FORBIDDEN:
            if pattern.search(line):
                findings.append(f"{name}:{number}: {what}")
        if "\t" in line and not TABS_ALLOWED.search(name):
            findings.append(f"{name}:{number}: a tab")
        if path.suffix in COLUMNS_SUFFIXES and len(line) > COLUMNS:
            findings.append(f"{name}:{number}: {len(line)} columns, at most {COLUMNS}")
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        findings.append(f"{name}: does not end with exactly one newline")
    is_source = path.suffix in SOURCE_SUFFIXES or path.name in SOURCE_NAMES or text[:2] == "#!"
    head = [line.strip(" *#/") for line in lines[:LICENCE_LINES]]
    if is_source and not any(line.endswith(LICENCE) for line in head):
        findings.append(f"{name}: has no line {LICENCE}")
    return findings


def check(ctx: common.Context) -> list[str]:
    """Findings: one line for each."""
    findings = []
    files = ctx.files()
    if not files:
        return ["no files found"]
    for path in files:
        if path.suffix in BINARY_SUFFIXES:
            continue
        try:
            # Universal newlines would hide carriage returns.
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            findings.append(f"{ctx.name(path)}: is not UTF-8 text")
            continue
        findings += check_text(ctx.name(path), path, text)
    return findings


if __name__ == "__main__":
    common.main(check)
