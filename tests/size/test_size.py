"""The gate of sizes can fail: for growth, above an aim, and for an image above its limit.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import size

COMPILERS = {"riscv64-unknown-elf": "1", "aarch64-linux-gnu": "1"}
TARGET, CONFIG = "riscv64 -O2", "all features"
AIM = size.AIMS[TARGET, CONFIG]


def sizes(text: int) -> size.Sizes:
    """Sizes of what has an aim: all of it in one source, of `text` bytes where the aim is AIM."""
    found: size.Sizes = {}
    for (target, config), aim in size.AIMS.items():
        found.setdefault(target, {})[config] = {"port/x.c": aim + text - AIM, "RAM: y": 10**6}
        found[target][config][size.EVERYTHING] = 10**6
    return found


@pytest.fixture(autouse=True)
def other_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A baseline that is exactly at its aims."""
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps({"compilers": COMPILERS, "sizes": sizes(AIM)}))
    monkeypatch.setattr(size, "BASELINE", path)
    monkeypatch.setattr(size, "compilers", lambda: COMPILERS)
    return path


def test_code_at_its_aim_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert size.gate(sizes(AIM)) == 0
    assert size.gate(sizes(AIM - 1)) == 0
    assert capsys.readouterr().out == ""


def test_code_above_its_aim_fails_though_it_grew_by_little(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert size.gate(sizes(AIM + 1)) == 1
    said = capsys.readouterr().out
    assert "TOO LARGE: aim for riscv64 -O2, all features: 14,336 bytes; 14,337 is 1 bytes" in said
    assert "TOO LARGE: aim for riscv64 -Os, smallest: 8,192 bytes; 8,193 is 1 bytes above" in said
    assert "GREW" not in said


def test_growth_fails_below_the_aim(
    other_baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other_baseline.write_text(json.dumps({"compilers": COMPILERS, "sizes": sizes(AIM - 1000)}))
    assert size.gate(sizes(AIM - 1)) == 1
    said = capsys.readouterr().out
    assert "GREW: riscv64 -O2, all features: port/x.c: 13,336 -> 14,335 bytes" in said
    assert "TOO LARGE" not in said


def test_other_compilers_are_not_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(size, "compilers", lambda: {**COMPILERS, "aarch64-linux-gnu": "2"})
    monkeypatch.setattr(size, "image_row", lambda *_: [10**6] * 8)
    assert size.gate(sizes(AIM + 1000)) == size.NOT_RUN
    assert size.images(Path()) == size.NOT_RUN
    assert capsys.readouterr().out.count("NOT RUN: the baseline was made by") == 2


@pytest.mark.parametrize(("more", "status"), [(0, 0), (1, 1)])
def test_images_are_held_against_their_limit(
    more: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One board's image has `more` bytes than it may; other images may have any size."""

    def row(board: str, app: str, _: Path) -> list[int]:
        text = size.IMAGE_LIMITS.get(app, 10**6) - 48 + more * (board == "aarch64")
        return [text, 48, 10**6, 10**6, 0, 0, 0, 0]

    monkeypatch.setattr(size, "image_row", row)
    assert size.images(Path()) == status
    lines = [line for line in capsys.readouterr().out.splitlines() if "TOO LARGE" in line]
    wanted = "TOO LARGE: web, aarch64: 150,001 bytes of text and data, at most 150,000"
    assert lines == [wanted] * status
