"""Mixed traffic for hours. What is in use has to come back to where it was, again and again.

  python3 tests/qemu/soak.py [--board riscv64|aarch64] [--transport mmio|mmio-legacy]
                             [--minutes 60] [--every 60] [--seed 1] [--failures]

Prints a line each --every seconds and the high-water marks at the end. --failures makes the device
fail now and then, so that it has to be reset. Ends with exit code 1 when something goes wrong, and
then keeps the guest's folder; 2 if this machine has no network namespace with a tap to run it in.
The images must have been built; conftest.py tells where they are looked for.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections.abc import Callable
from itertools import cycle, islice

import pytest

from conftest import MACHINES, Lan
from guest import BOARDS, TRANSPORTS
from memory import assert_given_back, at_rest, counters, peaks
from test_load import come_and_go, send_all, smallest_frames, syns
from test_recovery import tell
from traffic import KIB, MIB, assert_echoes, assert_serves, get_page, ping, start_page

Work = Callable[[Lan, random.Random], None]


def echo(lan: Lan, rng: random.Random) -> None:
    """Much on a few connections."""
    assert_echoes(lan.guest, rng.randbytes(rng.randint(1, MIB)), rng.randint(1, 8))


def crowd(lan: Lan, rng: random.Random) -> None:
    """A little on many connections."""
    assert_echoes(lan.guest, rng.randbytes(rng.randint(1, 32 * KIB)), rng.randint(32, 64))


def pages(lan: Lan, rng: random.Random) -> None:
    """Pages, each on a connection of its own."""
    for _ in range(rng.randint(1, 100)):
        assert get_page(lan.guest).body == start_page()


def short(lan: Lan, rng: random.Random) -> None:
    """Short connections that end in all ways."""
    come_and_go(lan, rng.randint(10, 400))


def pings(lan: Lan, rng: random.Random) -> None:
    """Echo requests of all sizes, most of them in fragments."""
    for _ in range(rng.randint(1, 30)):
        payload = rng.randbytes(rng.randint(0, 20_000))
        assert ping(lan.net, payload, fragment=True) == payload


def flood(lan: Lan, rng: random.Random) -> None:
    """The smallest frames, as fast as it goes."""
    send_all(lan, islice(cycle(smallest_frames(lan)), rng.randint(1, 100_000)))


def given_up(lan: Lan, rng: random.Random) -> None:
    """Connections that end before they are open."""
    send_all(lan, syns(lan, rng.randint(1, 10_000), [lan.net.HOST]))


def cable(lan: Lan, rng: random.Random) -> None:
    """The cable out and in."""
    change = rng.choice((lan.guest.set_link, lan.guest.change_link))
    change(False)
    change(True)


def pause(lan: Lan, rng: random.Random) -> None:
    """The machine stands still for a moment."""
    lan.guest.pause()
    time.sleep(rng.random())
    lan.guest.run()


def failure(lan: Lan, rng: random.Random) -> None:
    """The device fails, and is reset once more by request: who fails ten times without a minute's
    work in between is given up."""
    tell(lan.guest, rng.choice("wlej"))
    assert_serves(lan.guest)
    tell(lan.guest, "r")


WORK: list[Work] = [echo, echo, crowd, pages, short, short, pings, flood, given_up, cable, pause]


class Soak:
    """What is done for hours, and what was seen."""

    def __init__(self, lan: Lan, seed: int, failures: bool) -> None:
        self.lan = lan
        self.rng = random.Random(seed)
        self.work = WORK + [failure] * failures
        self.before = at_rest(lan.guest)
        self.start = time.monotonic()
        self.rounds = 0

    def run(self, seconds: float) -> None:
        """One kind of traffic after the other for so long, then everything is given back."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.rng.choice(self.work)(self.lan, self.rng)
            assert_serves(self.lan.guest)
            self.rounds += 1
        assert_given_back(self.lan.guest, self.before)

    def line(self) -> str:
        """What was seen so far, in a line."""
        now = counters(self.lan.guest)
        minutes = (time.monotonic() - self.start) / 60
        drops = {name: value for name, value in now.items() if "_drop_" in name and value}
        return (
            f"{minutes:6.1f} min, {self.rounds} rounds, at rest;"
            f" frames in {now['rx_frames']}, out {now['tx_frames']}; dropped {drops or 'none'};"
            f" ring full {now['tx_ring_full']}; link changes {now['link_changes']};"
            f" device errors {now['device_errors']}, recoveries {now['recoveries']};"
            f" heap at most {now['heap_peak']}"
        )


def soak(lan: Lan, minutes: float, every_s: float, seed: int, failures: bool) -> None:
    """Run for so long, and print what was seen."""
    work = Soak(lan, seed, failures)
    while (left := minutes * 60 - (time.monotonic() - work.start)) > 0:
        work.run(min(left, every_s))
        print(work.line(), flush=True)
    print("at most: " + peaks(lan.guest), flush=True)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Mixed traffic for hours.")
    parser.add_argument("--board", choices=BOARDS, default=BOARDS[0])
    parser.add_argument("--transport", choices=TRANSPORTS, default=TRANSPORTS[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=60, help="seconds between the lines")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failures", action="store_true", help="the device fails now and then")
    return parser.parse_args()


def main() -> int:
    """Run it by hand."""
    args = parse_arguments()
    try:
        lan = Lan(MACHINES[args.board, args.transport], "breaker", capture=False)
    except pytest.skip.Exception as reason:
        print(f"NOT RUN: {reason}", file=sys.stderr)
        return 2
    try:
        soak(lan, args.minutes, args.every, args.seed, args.failures)
    except (AssertionError, OSError):
        lan.close()
        traceback.print_exc()
        print(f"FAILED. The guest's folder: {lan.guest.folder}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    lan.close()
    lan.guest.forget()
    return 0


if __name__ == "__main__":
    sys.exit(main())
