"""What the style checks share: their arguments, the project's files, and how they report.

A check is a function check(ctx) that returns its findings as lines of text; none means it passed.
A missing tool is an error with exit code 2, never a pass.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

# Not ours, or made by a build. Hidden folders at the top are left out as well, but for these.
FOREIGN = {"lwip", "build", "__pycache__"}
HIDDEN = {".ci", ".github"}

# The default configuration: what the headers and the port are compiled with here.
WARNINGS = (
    "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef "
    "-Wstrict-prototypes -Wmissing-prototypes -Werror"
).split()
WARNINGS_CXX = "-Wall -Wextra -Wpedantic -Wconversion -Wundef -Werror".split()


@dataclass
class Context:
    """Where things are."""

    top: Path
    lwip: Path
    build: Path

    def files(self, *folders: str, suffixes: Sequence[str] = ()) -> list[Path]:
        """The project's own files below the folders (default: all), by suffix if any is given."""
        found = []
        for folder in folders or (".",):
            for here, dirs, names in os.walk(self.top / folder):
                at_top = Path(here) == self.top
                dirs[:] = sorted(
                    name
                    for name in dirs
                    if name not in (FOREIGN if at_top else {"__pycache__"})
                    and (not name.startswith(".") or (at_top and name in HIDDEN))
                )
                paths = [Path(here, name) for name in sorted(names)]
                found += [
                    path
                    for path in paths
                    if path.is_file() and (not suffixes or path.suffix in suffixes)
                ]
        return found

    def name(self, path: Path) -> str:
        """The path as it is printed."""
        return str(path.relative_to(self.top))

    def port_includes(self) -> list[str]:
        """Compiler options for code that uses the port with its default configuration."""
        return [
            f"-I{self.top}/virtio/include",
            f"-I{self.top}/port/include",
            f"-I{self.top}/port/lwipopts",
            "-isystem",
            f"{self.lwip}/src/include",
        ]

    def virtio_includes(self) -> list[str]:
        """Compiler options for code that uses the driver alone."""
        return [f"-I{self.top}/virtio/include"]


def stop(message: str) -> None:
    """End with exit code 2: the check could not be made."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def tool(name: str, package: str) -> str:
    """The path of a program, or the end with the cure."""
    path = shutil.which(name)
    if path is None:
        stop(f"{name} is missing. Cure: apt-get install {package}")
    return str(path)


def run(command: Sequence[str], text: str = "") -> str:
    """Run a command that must succeed quietly. Returns its complaints, empty if there are none."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    complaints = done.stdout + done.stderr
    if done.returncode != 0 and not complaints:
        complaints = f"exit code {done.returncode}"
    return complaints if done.returncode != 0 else ""


def run_all(commands: Sequence[tuple[str, Sequence[str], str]]) -> list[str]:
    """Run (what, command, standard input) triples on two processors; findings name what failed."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        outputs = pool.map(lambda job: run(job[1], job[2]), commands)
        return [f"{job[0]}:\n{output}" for job, output in zip(commands, outputs) if output]


def blank_comments(text: str) -> str:
    """C text with comments and the insides of strings blanked, line numbers kept."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match.group(0))

    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(
        pattern,
        lambda match: match.group(0) if match.group(0)[0] in "\"'" else blank(match),
        text,
        flags=re.S,
    )


def main(check: Callable[[Context], list[str]]) -> None:
    """Run one check from the command line."""
    top = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=sys.modules[check.__module__].__doc__)
    parser.add_argument("--top", type=Path, default=top, help="the project's tree")
    parser.add_argument("--lwip", type=Path, default=None, help="the lwIP tree")
    parser.add_argument("--build", type=Path, default=None, help="where the build trees are")
    args = parser.parse_args()
    top = args.top.resolve()
    findings = check(Context(top, args.lwip or top / "lwip", args.build or top / "build"))
    for finding in findings:
        print(finding)
    print(f"{len(findings)} finding(s)")
    sys.exit(1 if findings else 0)
