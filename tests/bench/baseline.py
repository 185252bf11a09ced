"""The baseline: the counts that a change must not make much worse, and the functions behind them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

import vm
from counting import Count, Setting

PATH = Path(__file__).with_name("baseline.json")
SYMBOL_SHARE = 0.01  # of a count; what is smaller is neither written down nor shown
GROWN_LINES = 8
# The peer did something else if its frames per unit differ by more than both of these.
PEER_PERCENT = 10.0
PEER_FRAMES = 0.02

COMPILERS = {"riscv64": "riscv64-unknown-elf-gcc", "aarch64": "aarch64-linux-gnu-gcc"}


def load() -> dict:
    """The stored baseline, empty if there is none."""
    if not PATH.is_file():
        return {"counts": {}, "tools": {}}
    return json.loads(PATH.read_text(encoding="utf-8"))


def entry(count: Count) -> dict:
    """What is stored of a count: its value, what the peer did, and the functions that matter."""
    least = SYMBOL_SHARE * count.value
    large = {name: shortened(n) for name, n in count.symbols.items() if n >= least}
    peer = {"from_peer": round(count.from_peer, 3)} if count.from_peer > 0 else {}
    return {"value": shortened(count.value), **peer, "symbols": dict(sorted(large.items()))}


def shortened(insns: float) -> float:
    """A number with no more digits than repeat."""
    return round(insns, 1) if insns < 100 else round(insns)


def is_comparable(count: Count, stored: dict) -> bool:
    """Whether the peer did the same as when the baseline was made. What is not there is comparable:
    that it is missing is a complaint."""
    before = stored.get(count.metric)
    if before is None:
        return True
    was = before.get("from_peer", 0.0)
    difference = abs(count.from_peer - was)
    return difference <= max(PEER_FRAMES, was * PEER_PERCENT / 100)


def incomparable(setting: Setting, count: Count, stored: dict) -> list[str]:
    """Why a count says nothing about the code; empty if it does."""
    if is_comparable(count, stored):
        return []
    before = stored[count.metric]
    return [
        f"{setting.key()} {count.metric}: {before.get('from_peer', 0.0):.3f} -> "
        f"{count.from_peer:.3f} frames to the guest per unit, so {before['value']:.0f} and "
        f"{count.value:.0f} {count.what} are not for the same work"
    ]


def complaints(setting: Setting, count: Count, stored: dict) -> list[str]:
    """What of a count is too much worse than stored, and which functions grew."""
    name = f"{setting.key()} {count.metric}"
    before = stored.get(count.metric)
    if before is None:
        return [f"{name}: not in the baseline; --update-baseline puts it there"]
    worse = 100 * (count.value / before["value"] - 1)
    if worse <= count.worse_percent or not is_comparable(count, stored):
        return []
    head = f"{name}: {before['value']:.0f} -> {count.value:.0f} {count.what}, {worse:+.1f} %"
    return ["\n".join([head, *grown(count.symbols, before["symbols"])])]


def grown(symbols: dict[str, float], before: dict[str, float]) -> list[str]:
    """The functions that grew most, one a line. One that was too small to be stored counts as 0."""
    growth = {name: insns - before.get(name, 0.0) for name, insns in symbols.items()}
    names = sorted(growth, key=lambda name: -growth[name])[:GROWN_LINES]
    return [
        f"    {growth[name]:+9.1f}  {name}: {before.get(name, 0.0):.1f} -> {symbols[name]:.1f}"
        for name in names
        if growth[name] >= SYMBOL_SHARE * sum(symbols.values())
    ]


def tools(boards: Iterable[str]) -> dict[str, str]:
    """Versions of what counts depend on beside the sources."""
    found = {}
    for board in boards:
        for tool in (COMPILERS[board], vm.smoke.emulator(board)):
            done = subprocess.run([tool, "--version"], check=True, capture_output=True, text=True)
            found[Path(tool).name] = done.stdout.splitlines()[0]
    return found


def other_tools(stored: dict, boards: Iterable[str]) -> str:
    """Why counts made here cannot be held against the baseline; empty if they can."""
    for tool, version in tools(boards).items():
        if (was := stored["tools"].get(tool)) != version:
            return f"the baseline was made with '{was}', not '{version}'"
    return ""


def store(stored: dict, counts: dict[str, dict], boards: Iterable[str]) -> None:
    """Write the baseline with new counts in place of old ones; one count a line."""
    stored["tools"].update(tools(boards))
    for key, metrics in counts.items():
        stored["counts"].setdefault(key, {}).update(metrics)
    blocks = []
    for key, metrics in sorted(stored["counts"].items()):
        lines = [f"   {json.dumps(name)}: {json.dumps(metrics[name])}" for name in sorted(metrics)]
        blocks.append(f"  {json.dumps(key)}: {{\n" + ",\n".join(lines) + "\n  }")
    tool_lines = json.dumps(dict(sorted(stored["tools"].items())), indent=1).replace("\n", "\n ")
    text = '{\n "counts": {\n' + ",\n".join(blocks) + '\n },\n "tools": ' + tool_lines + "\n}\n"
    PATH.write_text(text, encoding="utf-8")
