"""bench.selftest: the gate can fail, and says which function grew.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import baseline
from counting import Count, Setting

SETTING = Setting("riscv64", "mmio", "tap", "default")
BEFORE = Count("tx_segment_insns", {"tcp_output": 600.0, "virtq_add": 300.0, "small": 100.0})
STORED = {BEFORE.metric: baseline.entry(BEFORE)}


def count(**more: float) -> Count:
    """The stored count, with so much more for some functions."""
    symbols = {name: BEFORE.symbols.get(name, 0.0) + more.get(name, 0.0)
               for name in BEFORE.symbols | more}  # fmt: skip
    return Count(BEFORE.metric, symbols)


def test_six_percent_more_are_a_complaint_that_names_what_grew_most() -> None:
    said = baseline.complaints(SETTING, count(virtq_add=40.0, small=15.0, tcp_output=5.0), STORED)
    assert len(said) == 1
    head, first, *others = said[0].splitlines()
    assert head.startswith("riscv64/mmio/tap/default tx_segment_insns: 1000 -> 1060 instructions")
    assert head.endswith("+6.0 %")
    assert first.split() == ["+40.0", "virtq_add:", "300.0", "->", "340.0"]
    assert [line.split()[1] for line in others] == ["small:"]  # 5 are less than 1 %


def test_a_function_that_is_new_is_named() -> None:
    said = baseline.complaints(SETTING, count(new_one=60.0), STORED)
    assert "+60.0  new_one: 0.0 -> 60.0" in said[0]


@pytest.mark.parametrize("more", [40.0, 0.0, -40.0, -200.0])
def test_four_percent_more_and_less_are_no_complaint(more: float) -> None:
    assert baseline.complaints(SETTING, count(virtq_add=more), STORED) == []


def test_a_metric_that_is_not_in_the_baseline_is_a_complaint() -> None:
    (said,) = baseline.complaints(SETTING, count(), {})
    assert said.startswith("riscv64/mmio/tap/default tx_segment_insns: not in the baseline;")


def test_a_metric_that_was_not_measured_is_not_asked_for() -> None:
    stored = {**STORED, "get_insns": {"value": 1, "symbols": {}}}
    assert baseline.complaints(SETTING, count(), stored) == []
