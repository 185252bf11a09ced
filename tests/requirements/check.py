"""requirements: each requirement of the specification is met by a test that passed, or argued.

virtio/requirements.tsv has a row for each: what it asks for, the code that does it, and the tests
that show it. This compares the table with the list of all ids (families.tsv), with the sources,
with the results of the unit tests and with the rules that the simulated device watches.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

TABLE = "virtio/requirements.tsv"
COLUMNS = ["id", "level", "requirement", "code", "test", "otherwise"]
LEVELS = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT"}
NONE = "-"
ID = r"(?:drv|leg)-[a-z]+(?:-[a-z]+)*-[1-9][0-9]*"


@dataclass
class Row:
    """One line of the table."""

    line: int
    ids: list[str]
    level: str
    text: str
    code: list[str]
    tests: list[str]
    otherwise: str

    @property
    def unbound(self) -> str:
        """Why it does not bind this driver; empty if it does."""
        return after("unbound: ", self.otherwise)

    @property
    def argument(self) -> str:
        """Why no test shows it; empty if one does, or none need to."""
        return after("argued: ", self.otherwise)


def after(start: str, text: str) -> str:
    """What stands behind start; nothing if it does not stand there."""
    return text[len(start) :] if text.startswith(start) else ""


def expand(text: str) -> list[str]:
    """The ids that the first column names: one, or a range family-1..3. Empty if it is neither."""
    if re.fullmatch(ID, text):
        return [text]
    match = re.fullmatch(rf"({ID})\.\.([0-9]+)", text)
    if match is None:
        return []
    family, first = match[1].rsplit("-", 1)
    return [f"{family}-{number}" for number in range(int(first), int(match[2]) + 1)]


def read_families(path: Path) -> list[str]:
    """All ids of the specification: each family has so many, counted from 1."""
    ids = []
    for line in path.read_text().splitlines():
        family, count = line.split("\t")
        ids += [f"{family}-{number}" for number in range(1, int(count) + 1)]
    return ids


def read_table(path: Path) -> tuple[list[Row], list[str]]:
    """The rows, and what is wrong with their shape."""
    lines = path.read_text().splitlines()
    rows, findings = [], []
    if lines[:1] != ["\t".join(COLUMNS)]:
        return [], [f"line 1: the columns are {', '.join(COLUMNS)}"]
    for number, line in enumerate(lines[1:], 2):
        cells = line.split("\t")
        ids = expand(cells[0])
        if len(cells) != len(COLUMNS) or not all(cells):
            findings.append(f"line {number}: not {len(COLUMNS)} cells, each with something in it")
        elif not ids:
            findings.append(f"line {number}: '{cells[0]}' is no id and no range of ids")
        else:
            level, text, code, tests, otherwise = (
                "" if cell == NONE else cell for cell in cells[1:]
            )
            rows.append(Row(number, ids, level, text, code.split(), tests.split(), otherwise))
    return rows, findings


def check_ids(rows: list[Row], known: list[str]) -> list[str]:
    """Each id of the specification stands in the table once, and no other."""
    seen = Counter(name for row in rows for name in row.ids)
    return (
        [f"{name}: has no row" for name in known if name not in seen]
        + [f"{name}: is no id of the specification" for name in seen if name not in known]
        + [f"{name}: has {count} rows" for name, count in seen.items() if count > 1]
    )


def check_shape(row: Row) -> list[str]:
    """A row either binds, and is met or argued, or it does not, for one of the known reasons."""
    if row.unbound:
        return ["a row that does not bind has nothing else"] if row.level or row.tests else []
    findings = []
    if len(row.ids) != 1:
        findings.append("only rows that do not bind may stand for several ids")
    if row.level not in LEVELS:
        findings.append(f"level '{row.level}' is none of {', '.join(sorted(LEVELS))}")
    if bool(row.tests) == bool(row.argument):
        findings.append("needs either tests or an argument")
    if not row.code and not row.argument:
        findings.append("names no code")
    return findings


def defines(source: str, name: str) -> bool:
    """Whether C source defines a function, object, type or macro of this name."""
    name = re.escape(name)
    patterns = [
        rf"^[A-Za-z][^\n;={{}}]*\b{name}\([^;{{}}]*\)\s*\{{",
        rf"^[a-z][^\n;(){{}}]*\b{name}(\[\w*\])*\s*(=|;|\{{)",
        rf"^#define\s+{name}\b",
    ]
    return any(re.search(pattern, source, flags=re.M) for pattern in patterns)


def check_code(top: Path, row: Row) -> list[str]:
    """Each place is file:name, and still there."""
    findings = []
    for place in row.code:
        file, _, name = place.partition(":")
        path = top / file
        if not name or not path.is_file():
            findings.append(f"there is no {place}")
        elif not defines(path.read_text(), name):
            findings.append(f"{file} does not define {name}")
    return findings


def used_features(top: Path) -> set[str]:
    """The features that the driver may negotiate."""
    header = (top / "virtio/include/virtio/virtio_net.h").read_text()
    macro = re.search(r"^#define VIRTIO_NET_FEATURES((?:.*\\\n)*.*)", header, flags=re.M)
    return set(re.findall(r"VIRTIO_\w+", macro[1])) if macro else set()


def check_unbound(top: Path, reason: str, used: set[str]) -> list[str]:
    """The reason still holds: the feature is not negotiated, there is no such transport."""
    if reason == "PCI":
        there = list((top / "virtio").glob("*pci*.c"))
        return ["there is a PCI transport now"] if there else []
    if not re.fullmatch(r"VIRTIO_(NET_)?F_[A-Z0-9_]+", reason):
        return [f"'{reason}' is neither PCI nor a feature"]
    return [f"{reason} is negotiated now"] if reason in used else []


def read_results(top: Path, folder: Path) -> dict[str, bool]:
    """Whether each test passed, by program and name: virtq.a_new_ring_is_all_zero.

    A test that ran in several variants, "name, variant", passed if it did in all of them.
    """
    results: dict[str, bool] = {}
    for source in sorted((top / "tests").glob("*/test_*.c")):
        program = source.stem[len("test_") :]
        path = folder / f"{program}.txt"
        text = path.read_text(errors="replace") if path.is_file() else ""
        states = dict(
            (name, state)
            for state, name in re.findall(r"^\[ +([A-Z]+) +\] (\w+(?:, \w+)*)$", text, flags=re.M)
        )
        for name, state in states.items():
            key = f"{program}.{name.split(',')[0]}"
            results[key] = results.get(key, True) and state == "OK"
    return results


def check_tests(row: Row, results: dict[str, bool]) -> list[str]:
    """Each test exists and passed."""
    findings = []
    for test in row.tests:
        if test not in results:
            findings.append(f"there is no test {test}")
        elif not results[test]:
            findings.append(f"{test} did not pass")
    return findings


def check_sources(top: Path, bound: set[str]) -> tuple[set[str], list[str]]:
    """The rules that the simulated device watches, and what is wrong with ids in the tests."""
    watched = set()
    findings = []
    for path in sorted((top / "tests").glob("*/*.[ch]")):
        text = path.read_text()
        name = path.relative_to(top)
        ids = set(re.findall(rf'"({ID})"', text))
        findings += [f"{name}: {one} does not bind, says the table" for one in sorted(ids - bound)]
        if re.search(r"\bmeets: *(drv|leg)-", text):
            findings.append(f"{name}: what a test meets stands in {TABLE} alone")
        if path.parent.name == "sim":
            watched |= ids
    sins = (top / "tests/unit/test_sim.c").read_text()
    broken = set(re.findall(rf'(?:\{{|expect_breach\()"({ID})"', sins))
    findings += [
        f"tests/unit/test_sim.c: nobody breaks {one} to see it noticed"
        for one in sorted(watched - broken)
    ]
    return watched, findings


def check(top: Path, results: dict[str, bool]) -> tuple[list[str], list[str]]:
    """Findings, and the lines that sum it up, the last of which says how many are met."""
    rows, findings = read_table(top / TABLE)
    findings += check_ids(rows, read_families(top / "tests/requirements/families.tsv"))
    used = used_features(top)
    bound: set[str] = set()
    met: set[str] = set()
    for row in rows:
        wrong = check_shape(row) + check_code(top, row) + check_tests(row, results)
        if row.unbound:
            wrong += check_unbound(top, row.unbound, used)
        else:
            bound |= set(row.ids)
            met |= set() if wrong else set(row.ids)
        findings += [f"line {row.line}, {row.ids[0]}: {text}" for text in wrong]
    watched, more = check_sources(top, bound)
    return findings + more, summary(rows, len(bound), len(met), len(watched))


def summary(rows: list[Row], bound: int, met: int, watched: int) -> list[str]:
    """How many of each kind there are."""
    pci = sum(len(row.ids) for row in rows if row.unbound == "PCI")
    features = {row.unbound for row in rows if row.unbound not in ("", "PCI")}
    others = sum(len(row.ids) for row in rows if row.unbound) - pci
    tests = {test for row in rows for test in row.tests}
    shown = sum(1 for row in rows if row.tests)
    argued = [row.ids[0] for row in rows if row.argument]
    return [
        f"requirements: {bound + pci + others} in all; {pci} are about PCI, {others} about "
        f"{len(features)} features that are never negotiated, {bound} bind this driver",
        f"requirements: {shown} shown by {len(tests)} tests, {len(argued)} argued, {watched} watched "
        "by the simulated device in every test",
        f"requirements: argued are {', '.join(argued)}",
        f"requirements: {met} of {bound} met",
    ]


def main() -> None:
    """Run the check from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--top", type=Path, default=Path(__file__).resolve().parents[2])
    parser.add_argument("--results", type=Path, required=True, help="what the unit tests printed")
    args = parser.parse_args()
    results = read_results(args.top, args.results)
    if not results:
        print(f"error: no results in {args.results}; run the tests named unit.* first")
        sys.exit(2)
    findings, lines = check(args.top, results)
    print("\n".join(findings + lines))
    log = os.environ.get("VIRTIOIF_SUMMARY_LOG")
    if log:
        with open(log, "a", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
