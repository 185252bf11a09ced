"""The measure of coverage can fail: for too little, for a gap without a reason, and the reverse.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import coverage

CODE = "int a;\n" * 100
GAP = {("virtio/x.c", "int a;"): "a reason"}


def document(top: Path, file: str, lines: list[tuple[int, int, list[int]]]) -> str:
    """What gcov prints for one object."""
    found = [
        {"line_number": number, "count": count, "branches": [{"count": n} for n in branches]}
        for number, count, branches in lines
    ]
    return json.dumps({"files": [{"file": str(top / file), "lines": found}]}) + "\n"


def judge(top: Path, lines: list[tuple[int, int, list[int]]], reasons: dict, strict: bool) -> int:
    """The exit code for one source with these lines."""
    path = top / "virtio" / "x.c"
    path.parent.mkdir(exist_ok=True)
    path.write_text(CODE)
    counts = coverage.read_gcov(document(top, "virtio/x.c", lines), top)
    return coverage.judge(counts, top, reasons, strict)


def test_all_executed_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line that is printed."""
    assert judge(tmp_path, [(n, 1, [2, 1]) for n in range(1, 101)], {}, True) == 0
    assert capsys.readouterr().out.startswith("coverage: lines: 100.0% branches: 100.0%\n")


@pytest.mark.parametrize(("executed", "code"), [(95, 0), (94, 1)])
def test_threshold_of_lines(tmp_path: Path, executed: int, code: int) -> None:
    """95 % will do."""
    lines = [(n, int(n <= executed), [1, 1]) for n in range(1, 101)]
    assert judge(tmp_path, lines, GAP, True) == code
    assert judge(tmp_path, lines, GAP, False) == code


@pytest.mark.parametrize(("taken", "code"), [(70, 0), (69, 1)])
def test_threshold_of_branches(tmp_path: Path, taken: int, code: int) -> None:
    """85 % will do: half of them and so many more."""
    lines = [(n, 1, [1, int(n <= taken)]) for n in range(1, 101)]
    assert judge(tmp_path, lines, GAP, True) == code


def test_gap_without_reason(tmp_path: Path) -> None:
    """Nothing is missing in silence."""
    lines = [(n, 1, [1, int(n != 7)]) for n in range(1, 101)]
    assert judge(tmp_path, lines, GAP, True) == 0
    assert judge(tmp_path, lines, {}, True) == 1
    assert judge(tmp_path, lines, {}, False) == 0


def test_reason_without_gap(tmp_path: Path) -> None:
    """No excuse outlives its cause."""
    assert judge(tmp_path, [(n, 1, []) for n in range(1, 101)], GAP, True) == 1


def test_configurations_are_merged(tmp_path: Path) -> None:
    """What one of them executes is executed; another shape of a line counts for itself."""
    text = document(tmp_path, "port/y.c", [(1, 5, [5, 0]), (2, 0, [])])
    text += document(tmp_path, "port/y.c", [(1, 3, [0, 3]), (2, 1, []), (3, 0, [0, 0, 0, 0])])
    text += document(tmp_path, "port/y.c", [(3, 2, [1, 1])])
    text += document(tmp_path, "tests/z.c", [(1, 0, [])])
    counts = coverage.read_gcov(text, tmp_path)
    assert sorted(counts) == [("port/y.c", 1), ("port/y.c", 2), ("port/y.c", 3)]
    assert counts["port/y.c", 1].gap() == ""
    assert counts["port/y.c", 2].gap() == ""
    assert counts["port/y.c", 3].gap() == "4 of 6 branches"


def test_reasons_are_read() -> None:
    """An entry may span lines."""
    text = "Text.\n\n- `a/b.c`: `if (x ||  y) {`:\n  never\n  seen.\n"
    text += "- `c.c`: `z();`: no.\n\nMore.\n"
    assert coverage.read_reasons(text) == {
        ("a/b.c", "if (x || y) {"): "never seen.",
        ("c.c", "z();"): "no.",
    }
