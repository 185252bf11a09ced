"""Options, fixtures and the book-keeping of the tests on QEMU.

  python3 -m pytest tests/qemu [--board riscv64|aarch64] [--transport mmio|mmio-legacy] [--long]

  VIRTIOIF_BUILD_DIR                        where the build trees are (default: build)
  QEMU_SYSTEM_RISCV64, QEMU_SYSTEM_AARCH64  other QEMU programs
  VIRTIOIF_NOT_RUN_LOG                      file that gets a line for each test that was NOT RUN

Each test runs once per board and transport. The images must have been built. When a test fails,
what its guests printed and the frames on their wires are kept in build/test-results/<test>/.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import frames
from guest import (
    BOARDS,
    BUILD,
    HANG_LIMIT_S,
    POLL_S,
    TRANSPORTS,
    Attachment,
    Guest,
    Machine,
    UserNet,
    guest_mac,
)
from netns import Namespace, NotPossible, TapNet, dhcp_server
from wire import Wire

pytest.register_assert_rewrite("traffic")

# One object for each: pytest keeps a session's fixture as long as its parameter is the same object.
MACHINES = {(b, t): Machine(b, t) for b in BOARDS for t in TRANSPORTS}

# ---- what runs ----------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of these tests."""
    group = parser.getgroup("virtioif")
    group.addoption("--board", action="append", choices=BOARDS, help="board (default: both)")
    group.addoption(
        "--transport", action="append", choices=TRANSPORTS, help="transport (default: both)"
    )
    group.addoption("--long", action="store_true", help="run the long tests, instead of the others")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test that uses a machine runs on each one."""
    if "machine" in metafunc.fixturenames:
        boards = metafunc.config.getoption("board") or BOARDS
        transports = metafunc.config.getoption("transport") or TRANSPORTS
        machines = [MACHINES[board, transport] for board in boards for transport in transports]
        metafunc.parametrize("machine", machines, ids=str, scope="session", indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long tests run with --long, all others without. Tests that do not depend on the
    transport, or not even on the board, run once and not once for each."""
    wanted, others = [], []
    for item in items:
        is_long = item.get_closest_marker("long") is not None
        runs = is_long == config.getoption("long") and not is_repetition(config, item)
        (wanted if runs else others).append(item)
    items[:] = wanted
    config.hook.pytest_deselected(items=others)


def is_repetition(config: pytest.Config, item: pytest.Item) -> bool:
    """Whether the test says the same of the first board or transport, where that runs."""
    callspec = getattr(item, "callspec", None)
    machine = callspec.params.get("machine") if callspec else None
    if machine is not None:
        return item.get_closest_marker("any_transport") is not None and (
            machine.transport != TRANSPORTS[0]
        )
    boards = config.getoption("board") or BOARDS
    transports = config.getoption("transport") or TRANSPORTS
    return BOARDS[0] not in boards or TRANSPORTS[0] not in transports


# ---- what is kept ------------------------------------------------------------------------------


def results_folder(item: pytest.Item) -> Path:
    """Where the traces of a failed test go."""
    return BUILD / "test-results" / re.sub(r"[^\w.=-]+", "-", item.nodeid.split("/")[-1]).strip("-")


def keep_traces(item: pytest.Item) -> list[Path]:
    """Copy what is known of every guest that the test may have used."""
    kept = []
    for guest in Guest.known:
        folder = results_folder(item) / guest.folder.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in guest.folder.iterdir():
            if file.suffix == ".pcap":
                mac = guest_mac(int(re.sub(r"\D", "", file.stem) or 0))
                frames.without_vnet_headers(file, mac, folder / file.name)
            elif file.is_file():
                shutil.copyfile(file, folder / file.name)
        kept.append(folder)
    return kept


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Keep the traces of failures, write down what was not run, drop what is not needed."""
    outcome = yield
    report = outcome.get_result()
    if call.when == "setup":
        shutil.rmtree(results_folder(item), ignore_errors=True)
    if report.failed:
        kept = "\n".join(str(path) for path in keep_traces(item))
        report.sections.append(("serial log and frames (pcap) kept in", kept or "(no guest ran)"))
    if report.skipped:
        note_not_run(report)
    if call.when == "teardown":
        for guest in [guest for guest in Guest.known if not guest.running()]:
            guest.forget()


def note_not_run(report: pytest.TestReport) -> None:
    """A skipped test is no passed test: say which and why, for whoever counts."""
    log = os.environ.get("VIRTIOIF_NOT_RUN_LOG")
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    line = f"{report.nodeid}: {' '.join(reason.removeprefix('Skipped: ').split())}\n"
    if log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(line)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """The same for a whole file of tests."""
    if report.skipped:
        note_not_run(report)


def pytest_sessionfinish() -> None:
    """Nothing is left behind, whatever happened."""
    for guest in list(Guest.known):
        guest.stop()
        guest.forget()


def wait_until(
    condition: Callable[[], object], otherwise: str, limit_s: float = HANG_LIMIT_S
) -> None:
    """Wait for something to become true; the limit only tells a hang."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(POLL_S)


# ---- guests ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest) -> Machine:
    """The board and the transport that the test runs on."""
    return request.param


@pytest.fixture
def boot(machine: Machine) -> Iterator[Callable[..., Guest]]:
    """Boots guests that the test has for itself: boot(app, nics=..., ...), see class Guest."""
    guests: list[Guest] = []

    def start(app: str = "web", **options: object) -> Guest:
        guests.append(Guest(machine, app, **options))  # type: ignore[arg-type]
        return guests[-1].start()

    yield start
    for guest in guests:
        guest.stop()


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    """Makes wires that end in the test."""
    wires: list[Wire] = []

    def make(device: str = "") -> Wire:
        wires.append(Wire(device))
        return wires[-1]

    yield make
    for item in wires:
        item.close()


def make_namespace() -> Namespace:
    """A namespace; without one the test is NOT RUN."""
    try:
        namespace = Namespace()
        namespace.set("net/ipv6/conf/default/accept_dad", 0)
        return namespace
    except NotPossible as reason:
        pytest.skip(str(reason))


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """A network namespace that the test has for itself."""
    with make_namespace() as made:
        yield made


class Lan:
    """A namespace with a tap, a DHCP server and a guest that has its address from it."""

    def __init__(
        self,
        machine: Machine,
        app: str,
        device: str = "",
        vnet_hdr: bool = True,
        capture: bool = True,
    ) -> None:
        self.namespace = make_namespace()
        try:
            self.net = TapNet(self.namespace, device, vnet_hdr)
            self.guest = Guest(machine, app, nics=[self.net], capture=capture)
            self.dhcp_log = self.guest.folder / "dnsmasq.log"
            dhcp_server(self.namespace, self.dhcp_log)
            self.guest.start().wait_ready()
        except NotPossible as reason:
            self.close()
            pytest.skip(str(reason))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the guest and everything in the namespace."""
        if hasattr(self, "guest"):
            self.guest.stop()
        self.namespace.close()


def shared_guest(machine: Machine, app: str, nic: Attachment) -> Iterator[Guest]:
    """A guest for many tests, booted once."""
    guest = Guest(machine, app, nics=[nic])
    try:
        guest.start().wait_ready()
        yield guest
    finally:
        guest.stop()


@pytest.fixture(scope="session")
def web(machine: Machine) -> Iterator[Guest]:
    """App web on user networking."""
    yield from shared_guest(machine, "web", UserNet())


@pytest.fixture(scope="session")
def echo(machine: Machine) -> Iterator[Guest]:
    """App echo on user networking."""
    forward = (("tcp", 7), ("udp", 7), ("tcp", 9), ("tcp", 19))
    yield from shared_guest(machine, "echo", UserNet(forward=forward))


@pytest.fixture(scope="session")
def web_lan(machine: Machine) -> Iterator[Lan]:
    """App web on a tap, its address from a real DHCP server."""
    lan = Lan(machine, "web")
    yield lan
    lan.close()


@pytest.fixture(scope="session")
def echo_lan(machine: Machine) -> Iterator[Lan]:
    """App echo on a tap, its address from a real DHCP server."""
    lan = Lan(machine, "echo")
    yield lan
    lan.close()


@pytest.fixture(scope="session")
def plain_lan(machine: Machine) -> Iterator[Lan]:
    """App echo on a tap that offers no offloads: what is on the wire is as the guest made it."""
    lan = Lan(machine, "echo", vnet_hdr=False)
    yield lan
    lan.close()


@pytest.fixture
def make_lan(machine: Machine) -> Iterator[Callable[..., Lan]]:
    """Makes LANs that the test has for itself: make_lan(app, device=..., vnet_hdr=...)."""
    lans: list[Lan] = []

    def make(app: str, **options: object) -> Lan:
        lans.append(Lan(machine, app, **options))  # type: ignore[arg-type]
        return lans[-1]

    yield make
    for lan in lans:
        lan.close()


def by_way(request: pytest.FixtureRequest, app: str) -> Guest:
    """The shared guest of an app, reached by the way that the fixture's parameter names."""
    if request.param == "tap":
        return request.getfixturevalue(f"{app}_lan").guest
    return request.getfixturevalue(app)


@pytest.fixture(params=["user", "tap"])
def any_web(request: pytest.FixtureRequest, machine: Machine) -> Guest:
    """App web, on user networking and on a tap."""
    return by_way(request, "web")


@pytest.fixture(params=["user", "tap"])
def any_echo(request: pytest.FixtureRequest, machine: Machine) -> Guest:
    """App echo, on user networking and on a tap."""
    return by_way(request, "echo")
