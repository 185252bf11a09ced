"""How much of virtio/ and port/ the unit tests execute, by gcov, and why the rest is missing.

The programs of build/coverage run, then gcov reads what the objects of driver and port counted. The
same source is compiled in several configurations; what any of them executed counts as executed.
Fails below the thresholds, and for each gap without a reason in README.md, and for each reason
without a gap.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PRODUCT = ("virtio/", "port/")
REASONS = "tests/coverage/README.md"
LINES_MIN = 95.0
BRANCHES_MIN = 85.0

# The branches of a line are the compiler's: reasons are held against this one only.
REASONS_COMPILER = "12"


@dataclass
class Line:
    """A line of source over all its compilations."""

    count: int = 0
    # Alternatives of #if give a line different branches: one list for each number of them.
    branches: dict[int, list[int]] = field(default_factory=dict)

    def add(self, count: int, branches: list[int]) -> None:
        """Add what one compilation counted."""
        self.count += count
        if branches:
            before = self.branches.get(len(branches), [0] * len(branches))
            self.branches[len(branches)] = [a + b for a, b in zip(before, branches)]

    def branches_all(self) -> int:
        """How many branches there are."""
        return sum(len(counts) for counts in self.branches.values())

    def branches_taken(self) -> int:
        """How many of them were taken."""
        return sum(1 for counts in self.branches.values() for count in counts if count > 0)

    def gap(self) -> str:
        """What is missing, empty if nothing is."""
        if self.count == 0:
            return "not executed"
        missing = self.branches_all() - self.branches_taken()
        return f"{missing} of {self.branches_all()} branches" if missing else ""


# By file and line number.
Counts = dict[tuple[str, int], Line]


def stop(message: str) -> None:
    """End with exit code 2: nothing could be measured."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def run(command: list[str], what: str) -> str:
    """Run a command that has to succeed; returns its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout + done.stderr)
        stop(f"{what} failed")
    return done.stdout


def run_tests(tree: Path) -> None:
    """Build the tree, forget what was counted and run its tests."""
    if not (tree / "CMakeCache.txt").is_file():
        stop(f"{tree} is missing. Cure: tests/run.sh, or cmake --preset coverage")
    run(["cmake", "--build", str(tree)], "the build")
    for path in tree.rglob("*.gcda"):
        path.unlink()
    parallel = str(os.cpu_count() or 1)
    run(
        ["ctest", "--test-dir", str(tree), "--output-on-failure", "--parallel", parallel],
        "a unit test",
    )


def read_gcov(output: str, top: Path) -> Counts:
    """Merge gcov's JSON, one document a line for each object, over the product's own files."""
    counts: Counts = defaultdict(Line)
    for document in output.splitlines():
        for source in json.loads(document)["files"]:
            name = os.path.relpath(source["file"], top)
            if name.startswith(PRODUCT):
                for line in source["lines"]:
                    taken = [branch["count"] for branch in line["branches"]]
                    counts[name, line["line_number"]].add(line["count"], taken)
    return counts


def measure(tree: Path, top: Path) -> Counts:
    """What the last run of the tests executed."""
    gcov = shutil.which("gcov")
    if gcov is None:
        stop("gcov is missing. Cure: apt-get install gcc")
    objects = sorted(str(path) for path in tree.rglob("*.gcno"))
    if not objects:
        stop(f"nothing in {tree} is compiled for coverage")
    with tempfile.TemporaryDirectory() as scratch:
        options = ["--branch-probabilities", "--json-format", "--stdout"]
        command = [str(gcov), *options, *objects]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        stop(f"gcov failed: {done.stderr}")
    return read_gcov(done.stdout, top)


def read_reasons(text: str) -> dict[tuple[str, str], str]:
    """The list of README.md: (file, code) -> reason.

    An entry is "- `file`: `code`: reason", over several lines if need be; the code may hold any
    character but a backquote.
    """
    reasons = {}
    entry = r"^- `([^`]+)`:\s+`([^`]+)`:\s+(.*(?:\n  .*)*)"
    for file, code, reason in re.findall(entry, text, flags=re.M):
        reasons[file, " ".join(code.split())] = " ".join(reason.split())
    return reasons


@dataclass
class Gap:
    """A line that is not covered as a whole."""

    file: str
    number: int
    what: str
    code: str


def find_gaps(counts: Counts, top: Path) -> list[Gap]:
    """All of them, in the order of the source."""
    gaps = []
    for (file, number), line in sorted(counts.items()):
        if what := line.gap():
            code = (top / file).read_text().split("\n")[number - 1]
            gaps.append(Gap(file, number, what, " ".join(code.split())))
    return gaps


def compare(gaps: list[Gap], reasons: dict[tuple[str, str], str]) -> list[str]:
    """Gaps without a reason, and reasons without a gap."""
    found = {(gap.file, gap.code) for gap in gaps}
    complaints = [
        f"{gap.file}:{gap.number}: {gap.what}, and no reason in {REASONS}: {gap.code}"
        for gap in gaps
        if (gap.file, gap.code) not in reasons
    ]
    complaints += [
        f"{REASONS}: gives a reason for what is covered: {file}: {code}"
        for file, code in reasons
        if (file, code) not in found
    ]
    return complaints


def percent(part: int, whole: int) -> float:
    """Rounded down to tenths, so that 100.0 means all of it."""
    return int(1000 * part / whole) / 10 if whole else 0.0


def say(line: str) -> None:
    """Print the line, here and in the summary of tests/run.sh."""
    print(line)
    if log := os.environ.get("VIRTIOIF_SUMMARY_LOG"):
        with open(log, "a", encoding="utf-8") as summary:
            summary.write(line + "\n")


def judge(counts: Counts, top: Path, reasons: dict[tuple[str, str], str], strict: bool) -> int:
    """Print the result; returns the exit code."""
    lines = percent(sum(1 for line in counts.values() if line.count > 0), len(counts))
    branches = percent(
        sum(line.branches_taken() for line in counts.values()),
        sum(line.branches_all() for line in counts.values()),
    )
    say(f"coverage: lines: {lines:.1f}% branches: {branches:.1f}%")
    gaps = find_gaps(counts, top)
    for gap in gaps:
        reason = reasons.get((gap.file, gap.code))
        if reason:
            print(f"{gap.file}:{gap.number}: {gap.what}: {gap.code}\n    {reason}")
    complaints = compare(gaps, reasons)
    for complaint in complaints:
        print(complaint)
    failed = bool(complaints) and strict
    for name, value, least in (("lines", lines, LINES_MIN), ("branches", branches, BRANCHES_MIN)):
        if value < least:
            print(f"{name}: {value:.1f}% is less than {least:.1f}%")
            failed = True
    return 1 if failed else 0


def main() -> int:
    """Run the tests, measure and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=TOP / "build", help="where build trees are")
    parser.add_argument("--no-run", action="store_true", help="judge what was counted before")
    args = parser.parse_args()
    tree = args.build / "coverage"
    if not args.no_run:
        run_tests(tree)
    counts = measure(tree, TOP)
    if not counts:
        stop("nothing of virtio/ and port/ was counted")
    reasons = read_reasons((TOP / REASONS).read_text())
    version = run(["gcc", "-dumpversion"], "gcc").strip().split(".")[0]
    return judge(counts, TOP, reasons, version == REASONS_COMPILER)


if __name__ == "__main__":
    sys.exit(main())
