"""bench.selftest: the gate can fail, says which function grew, and judges only what is comparable.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import baseline
import bench
from counting import Count, Setting, idle_count

SETTING = Setting("riscv64", "mmio", "tap", "default")
BEFORE = Count("tx_segment_insns", {"tcp_output": 600.0, "virtq_add": 300.0, "small": 100.0}, 0.5)
STORED = {BEFORE.metric: baseline.entry(BEFORE)}


def count(from_peer: float = BEFORE.from_peer, **more: float) -> Count:
    """The stored count, with so much more for some functions."""
    symbols = {name: BEFORE.symbols.get(name, 0.0) + more.get(name, 0.0)
               for name in BEFORE.symbols | more}  # fmt: skip
    return Count(BEFORE.metric, symbols, from_peer)


def test_six_percent_more_are_a_complaint_that_names_what_grew_most() -> None:
    said = baseline.complaints(SETTING, count(virtq_add=40.0, small=15.0, tcp_output=5.0), STORED)
    assert len(said) == 1
    head, first, *others = said[0].splitlines()
    assert head.startswith("riscv64/mmio/tap/default tx_segment_insns: 1000 -> 1060 instructions")
    assert head.endswith("+6.0 %")
    assert first.split() == ["+40.0", "virtq_add:", "300.0", "->", "340.0"]
    assert [line.split()[1] for line in others] == ["small:"]  # 5 are less than 1 %


def test_a_tick_that_was_added_is_a_complaint() -> None:
    (before,) = idle_count({"idle_insns_per_s": 9000.0, "idle_wakes_per_s": 10.0})
    stored = {before.metric: baseline.entry(before)}
    (after,) = idle_count({"idle_wakes_per_s": 14.0})
    (said,) = baseline.complaints(SETTING, after, stored)
    assert "idle_wakes_per_s: 10 -> 14 wake-ups, +40.0 %" in said
    assert baseline.complaints(SETTING, before, stored) == []
    assert idle_count({"echo_rtt_insns": 1.0}) == []


def test_a_function_that_is_new_is_named() -> None:
    said = baseline.complaints(SETTING, count(new_one=60.0), STORED)
    assert "+60.0  new_one: 0.0 -> 60.0" in said[0]


@pytest.mark.parametrize("more", [40.0, 0.0, -40.0, -200.0])
def test_four_percent_more_and_less_are_no_complaint(more: float) -> None:
    assert baseline.complaints(SETTING, count(virtq_add=more), STORED) == []
    assert baseline.incomparable(SETTING, count(virtq_add=more), STORED) == []


def test_a_metric_that_is_not_in_the_baseline_is_a_complaint() -> None:
    (said,) = baseline.complaints(SETTING, count(), {})
    assert said.startswith("riscv64/mmio/tap/default tx_segment_insns: not in the baseline;")
    assert baseline.incomparable(SETTING, count(), {}) == []


def test_a_metric_that_was_not_measured_is_not_asked_for() -> None:
    stored = {**STORED, "get_insns": {"value": 1, "symbols": {}}}
    assert baseline.complaints(SETTING, count(), stored) == []


@pytest.mark.parametrize(
    ("was", "now", "comparable"),
    [
        (0.5, 0.5, True),
        (0.5, 0.54, True),  # 8 %
        (0.5, 0.56, False),
        (0.5, 0.44, False),
        (0.1, 0.119, True),  # 19 %, but less than 0.02
        (0.1, 0.079, False),
        (0.0, 0.0, True),  # nobody knows
        (0.0, 0.5, False),
        (0.5, 0.0, False),
    ],
)
@pytest.mark.parametrize("more", [600.0, 0.0, -300.0])
def test_a_count_for_other_work_neither_passes_nor_fails(
    was: float, now: float, comparable: bool, more: float
) -> None:
    stored = {BEFORE.metric: baseline.entry(count(was))}
    measured = count(now, tcp_output=more)
    complaints = baseline.complaints(SETTING, measured, stored)
    reasons = baseline.incomparable(SETTING, measured, stored)
    assert baseline.is_comparable(measured, stored) == comparable
    assert len(complaints) == (comparable and more > 0)
    assert len(reasons) == (not comparable)
    if reasons:
        assert f"tx_segment_insns: {was:.3f} -> {now:.3f} frames to the guest" in reasons[0]


def test_what_compares_with_nothing_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "not-run.log"
    monkeypatch.setenv("VIRTIOIF_NOT_RUN_LOG", str(log))
    bench.report_gate(bench.Results(incomparable=["x"]))
    said = capsys.readouterr().out
    assert "NOT COMPARABLE: x\n" in said
    assert said.endswith("0 worse than the baseline allows, 1 not comparable with it\n")
    assert log.read_text().startswith("bench: gate: 1 counts")
