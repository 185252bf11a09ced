"""An image that has nothing to do sleeps: it never polls in a circle.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from conftest import Lan
from guest import Guest, Machine
from traffic import ECHO, assert_serves

SAMPLES = 150
SAMPLE_PAUSE_S = 0.01


def share_asleep(guest: Guest) -> float:
    """The share of moments at which the virtual CPU's thread sleeps.

    QEMU runs the CPU in a thread that sleeps as long as the CPU waits for an interrupt. A thread
    that computes is "R", running or ready to run, also when the machine is too busy to run it, so
    the figure does not depend on how fast the machine is.
    """
    assert guest.process is not None
    cpus = guest.execute("query-cpus-fast")
    thread = cpus[0]["thread-id"]  # type: ignore[index]
    stat = Path(f"/proc/{guest.process.pid}/task/{thread}/stat")
    asleep = 0
    for _ in range(SAMPLES):
        time.sleep(SAMPLE_PAUSE_S)
        asleep += stat.read_text().rpartition(")")[2].split()[0] == "S"
    return asleep / SAMPLES


@pytest.mark.parametrize("app", ["web", "echo"])
def test_an_idle_image_sleeps(
    request: pytest.FixtureRequest, machine: Machine, app: str
) -> None:
    guest: Guest = request.getfixturevalue(app)
    assert_serves(guest)
    share = share_asleep(guest)
    assert share > 0.8, f"the CPU was awake in {1 - share:.0%} of {SAMPLES} moments"


def test_an_idle_image_with_an_open_connection_sleeps(web: Guest) -> None:
    with web.tcp(ECHO) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        share = share_asleep(web)
    assert share > 0.8, f"the CPU was awake in {1 - share:.0%} of {SAMPLES} moments"


def test_an_image_without_a_cable_sleeps(web_lan: Lan) -> None:
    web_lan.guest.change_link(False)
    try:
        share = share_asleep(web_lan.guest)
    finally:
        web_lan.guest.change_link(True)
    assert share > 0.8, f"the CPU was awake in {1 - share:.0%} of {SAMPLES} moments"
    assert_serves(web_lan.guest)
