"""The benchmark. README.md beside this file says what each metric means; run.sh prepares all that is
needed and starts this program in a network namespace.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import baseline
import clock
import vm
from counting import WORKS, Count, Sample, Setting, count_setting, idle_count

NOT_RUN = 77
PROFILE_LINES = 25
QUICK = ("echo", "rx", "tx", "get", "idle")


def print_metrics(setting: Setting, metrics: dict[str, float], stored: dict) -> None:
    """A table of one setting, beside the baseline where there is one."""
    print(f"\n{setting.key()}")
    for metric, value in metrics.items():
        line = f"  {metric:38}{value:12.{3 if value < 100 else 0}f}"
        if metric in stored:
            before = stored[metric]["value"]
            line += f"   baseline {before:8.0f} {100 * (value / before - 1):+6.1f} %"
        print(line)


def print_profile(sample: Sample) -> None:
    """The functions that cost most."""
    total = sample.insns
    print(f"\n  {sample.metric}: {total:.0f}\n")
    print("       insns   share    calls  accesses  function")
    costs = [(name, sample.costs[name]) for name in sample.symbols]
    for name, cost in sorted(costs, key=lambda item: -item[1].insns)[:PROFILE_LINES]:
        kind = ""
        if cost.symbol is not None:
            kind = "(driver)" * cost.symbol.is_driver + "(copy)" * cost.symbol.is_copy
        line = f"  {cost.insns:10.1f} {100 * cost.insns / total:5.1f} % {cost.calls:8.2f}"
        print(f"{line} {cost.accesses:9.2f}  {name} {kind}".rstrip())


def parse_arguments() -> argparse.Namespace:
    """The arguments; run.sh explains them."""
    names = [work.name for work in WORKS] + ["idle"]
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh")
    parser.add_argument("--board", action="append", choices=vm.smoke.BOARDS)
    parser.add_argument("--transport", action="append", choices=vm.smoke.TRANSPORTS)
    parser.add_argument("--network", action="append", choices=list(vm.NETWORKS))
    parser.add_argument("--lwipopts", action="append")
    parser.add_argument("--work", action="append", choices=names)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--no-counts", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--profile", "--profile-symbols", action="store_true")
    parser.add_argument("--gate", action="store_true")
    parser.add_argument("--update-baseline", action="store_true")
    parser.add_argument("--linux", action="store_true")
    parser.add_argument("--boot", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.board = args.board or list(vm.smoke.BOARDS)
    args.transport = args.transport or ["mmio"]
    if args.quick:
        args.network, args.lwipopts, args.work = ["user"], ["default"], list(QUICK)
    args.network = args.network or list(vm.NETWORKS)
    args.work = [] if args.no_counts else args.work or names
    return args


def settings(args: argparse.Namespace) -> list[Setting]:
    """What the arguments ask for. User networking stalls with the windows of other profiles."""
    return [
        Setting(board, transport, network, profile)
        for board in args.board
        for transport in args.transport
        for network in args.network
        for profile in args.lwipopts or ["default"] + ["throughput"] * (network == "tap")
    ]


@dataclass
class Results:
    """What all settings gave."""

    rows: list[dict] = field(default_factory=list)
    counts: dict[str, dict] = field(default_factory=dict)  # for the baseline, by setting
    complaints: list[str] = field(default_factory=list)
    incomparable: list[str] = field(default_factory=list)


def run_setting(args: argparse.Namespace, setting: Setting, stored: dict, results: Results) -> None:
    """Measure and print one setting."""
    metrics: dict[str, float] = {}
    samples = []

    def preferred(count: Count) -> bool:
        return baseline.is_comparable(count, stored)

    for sample, found in count_setting(setting, args.work, args.runs, not args.quick, preferred):
        metrics = {**found, **metrics}  # of acks_per_... those of the optimized image, which is first
        if sample is not None:
            samples.append(sample)
    if args.linux:
        metrics.update(clock.compare_with_linux(setting))
    if args.boot:
        metrics.update(clock.boot(setting))
    print_metrics(setting, metrics, stored)
    counts = results.counts.setdefault(setting.key(), {})
    for count in [sample.count for sample in samples] + idle_count(metrics):
        counts[count.metric] = baseline.entry(count)
        if args.gate:
            results.complaints += baseline.complaints(setting, count, stored)
            results.incomparable += baseline.incomparable(setting, count, stored)
    for sample in samples if args.profile else ():
        print_profile(sample)
    for metric, value in metrics.items():
        results.rows.append({**vars(setting), "metric": metric, "value": round(value, 4)})
    sys.stdout.flush()


def not_run(reason: str) -> None:
    """Say that a part could not be measured here, also to whoever counts such things."""
    print(f"NOT RUN: bench: {reason}")
    if log := os.environ.get("VIRTIOIF_NOT_RUN_LOG"):
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"bench: {reason}\n")


def report_gate(results: Results) -> None:
    """Say how the counts compare with the baseline. What compares with nothing is NOT RUN."""
    for complaint in results.complaints:
        print(f"\nworse: {complaint}")
    for reason in results.incomparable:
        print(f"\nNOT COMPARABLE: {reason}")
    if results.incomparable:
        not_run(f"gate: {len(results.incomparable)} counts, for work that the baseline's are not for")
    total = sum(map(len, results.counts.values()))
    print(f"\nbench: {total} counts, {len(results.complaints)} worse than the baseline allows", end="")
    print(f", {len(results.incomparable)} not comparable with it")


def main() -> int:
    """Measure what the arguments ask for. 1: a count is worse than allowed; 2: no network; 77: a
    count, or all of them, cannot be held against the baseline."""
    args = parse_arguments()
    stored = baseline.load()
    if args.gate and (reason := baseline.other_tools(stored, args.board)):
        not_run(f"gate: {reason}")
        return NOT_RUN
    results = Results()
    reason = vm.set_up_networks("tap" in args.network)
    if reason:
        not_run(f"network tap: {reason}")
        args.network.remove("tap")
    if not args.network:
        return NOT_RUN if args.gate else 2
    for setting in settings(args):
        before = stored["counts"].get(setting.key(), {})
        run_setting(args, setting, before, results)
    if args.json:
        args.json.write_text(json.dumps(results.rows, indent=1) + "\n", encoding="utf-8")
    if args.update_baseline:
        baseline.store(stored, results.counts, args.board)
    if args.gate:
        report_gate(results)
    return 1 if results.complaints else NOT_RUN if results.incomparable else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (vm.BenchError, vm.smoke.GuestError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
