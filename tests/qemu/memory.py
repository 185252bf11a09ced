"""What a guest with the app web uses of its memory, and whether it gives back what it took.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import json
import time

import guest as guest_module
from guest import Guest
from traffic import HttpConnection

RX_BUFFERS = 384  # DEMO_RX_BUFFERS in examples/demo/demo.c
PAUSE_S = 0.05

# Multicast groups follow the addresses, which routers give and take. A received frame is in a
# receive buffer or copied into lwIP's pool, as the driver likes.
COMES_AND_GOES = ("IGMP_GROUP", "MLD6_GROUP", "rx_free", "rx_posted", "rx_held", "PBUF_POOL")


def ask(guest: Guest, path: str) -> dict:
    """A file of numbers. We close the connection, so that the guest has to remember nothing."""
    with HttpConnection(guest) as connection:
        response = connection.get(path, keep=True)
    assert response.status == 200
    return json.loads(response.body)


def counters(guest: Guest) -> dict:
    """What happened so far."""
    return ask(guest, "/counters.json")


def in_use(guest: Guest) -> dict[str, int]:
    """How much of each kind of memory is in use while the guest answers. Every receive buffer is at
    one of the three places where it can be."""
    memory = ask(guest, "/memory.json")
    used = {name: v["used"] if isinstance(v, dict) else v for name, v in memory.items()}
    assert used["rx_free"] + used["rx_posted"] + used["rx_held"] == RX_BUFFERS, used
    used["received frames"] = used["rx_held"] + used["PBUF_POOL"]
    return used


def at_rest(guest: Guest) -> dict[str, int]:
    """The same when there is no connection but the one that asks, and no frame but the question."""
    deadline = time.monotonic() + guest_module.HANG_LIMIT_S
    while True:
        used = in_use(guest)
        idle = used["TCP_PCB"] == 1 and used["TCP_SEG"] == used["tx_in_flight"] == 0
        if idle and used["received frames"] <= 1:
            return used
        assert time.monotonic() < deadline, f"the guest does not come to rest: {used}"
        time.sleep(PAUSE_S)


def assert_given_back(guest: Guest, before: dict[str, int]) -> None:
    """Nothing is in use any more that was not at rest. Connections take their time to go, the
    half-open ones 20 s."""
    deadline = time.monotonic() + guest_module.HANG_LIMIT_S
    while True:
        now = in_use(guest)
        more = {n: (before[n], now[n]) for n in before if now[n] > before[n]}
        more = {n: both for n, both in more.items() if n not in COMES_AND_GOES}
        if not more:
            return
        assert time.monotonic() < deadline, f"not given back (before, now): {more}"
        time.sleep(PAUSE_S)


def peaks(guest: Guest) -> str:
    """The high-water marks of lwIP's heap and pools, in words."""
    marks = []
    for name, pool in ask(guest, "/memory.json").items():
        if isinstance(pool, dict) and pool["peak"]:
            failed = f", {pool['failed']} failed" if pool["failed"] else ""
            marks.append(f"{name} {pool['peak']} of {pool['size']}{failed}")
    return "; ".join(marks)
