"""A network that loses, doubles, swaps, spoils and delays frames: every byte arrives all the same.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import guest as guest_module
from conftest import make_namespace
from guest import Guest
from memory import assert_given_back, at_rest, counters
from netns import NotPossible
from relay import BadNet, Faults
from traffic import ECHO, KIB, HttpConnection, difference, exchange, random_bytes, start_page

pytestmark = pytest.mark.any_transport

STATIC = "10.77.0.9/24"
CONNECTIONS = 2
SEEDS = (1, 2)
LONG_SEEDS = [range(first, first + 4) for first in range(100, 120, 4)]
BAD = Faults(loss=0.02, double=0.02, swap=0.03, spoil=0.02, delay_s=0.002)
# Much of one at a time.
WORSE = {
    "loss": Faults(loss=0.1),
    "double": Faults(double=0.5),
    "swap": Faults(swap=0.3, swap_s=0.005),
    "spoil": Faults(spoil=0.1),
    "delay": Faults(delay_s=0.1),
}


@pytest.fixture(autouse=True)
def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that loses the same segment again and again waits up to two minutes in between."""
    monkeypatch.setattr(guest_module, "HANG_LIMIT_S", 300.0)


class Far:
    """A guest behind a bad network."""

    def __init__(self, guest: Guest, net: BadNet) -> None:
        self.guest = guest
        self.net = net


@pytest.fixture
def boot_behind(boot: Callable[..., Guest]) -> Iterator[Callable[..., Far]]:
    """Boots guests behind bad networks: boot_behind(faults, seed)."""
    with ExitStack() as stack:

        def make(faults: Faults, seed: int) -> Far:
            namespace = stack.enter_context(make_namespace())
            try:
                net = BadNet(namespace, faults, seed)
            except NotPossible as reason:
                pytest.skip(str(reason))
            stack.callback(net.relay.close)
            guest = boot("web", nics=[net], static=STATIC)
            guest.wait_ready()
            return Far(guest, net)

        yield make


def transfer(far: list[Far], size: int) -> None:
    """Echo on several connections to each guest, all at the same time, and pages on another."""
    before = [at_rest(f.guest) for f in far]
    with ExitStack() as stack:
        pages = [stack.enter_context(HttpConnection(f.guest)) for f in far]
        socks = [stack.enter_context(f.guest.tcp(ECHO)) for f in far for _ in range(CONNECTIONS)]
        sent = [random_bytes(size, number) for number in range(len(socks))]
        for page in pages:
            page.ask("/")
        for number, received in enumerate(exchange(list(zip(socks, sent)))):
            assert not difference(received, sent[number]), f"connection {number}"
        for page in pages:
            assert page.read().body == start_page()
    for f, used in zip(far, before):
        assert_given_back(f.guest, used)


def check_spoiled_frames_were_noticed(far: Far) -> None:
    """The guest tells of bad checksums. Not of all: a bit of a length is no matter of checksums."""
    noticed = counters(far.guest)["bad_checksums"]
    assert 0 < noticed <= far.net.relay.to_guest.counts.spoiled


def test_every_byte_arrives_over_a_bad_network(boot_behind: Callable[..., Far]) -> None:
    far = [boot_behind(BAD, seed) for seed in SEEDS]
    transfer(far, 32 * KIB)
    for f in far:
        check_spoiled_frames_were_noticed(f)


@pytest.mark.long
@pytest.mark.parametrize("seeds", LONG_SEEDS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_every_byte_arrives_over_20_bad_networks(
    boot_behind: Callable[..., Far], seeds: range
) -> None:
    far = [boot_behind(BAD, seed) for seed in seeds]
    transfer(far, 1024 * KIB)
    for f in far:
        check_spoiled_frames_were_noticed(f)


@pytest.mark.long
@pytest.mark.parametrize("kind", WORSE)
def test_every_byte_arrives_where_one_fault_is_frequent(
    boot_behind: Callable[..., Far], kind: str
) -> None:
    far = boot_behind(WORSE[kind], 1)
    transfer([far], 96 * KIB)
    if kind == "spoil":
        check_spoiled_frames_were_noticed(far)
