"""Guests, their network and their clients. All of it runs in a network namespace that run.sh made:
its ports and its tap are nobody else's.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import array
import mmap
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from image import REPO, Image

sys.path.insert(0, str(REPO / "tests" / "qemu"))
import guest as smoke  # noqa: E402  what QEMU is to be told about a board

BENCH = REPO / "build" / "bench"
HANG_LIMIT_S = 60.0
QUIET_S = 0.06  # longer than the 40 ms for which the host holds back an acknowledgement
SETTLE_LIMIT_S = 3.0

PORTS = {
    "echo": 7, "echo_16": 7, "sink": 5001, "source": 5002, "steady": 5002, "get": 80, "get_16": 80,
}  # by client's work  # fmt: skip
MAC = "52:54:00:12:34:56"


class BenchError(Exception):
    """A guest or a client did not do what was asked."""


@dataclass(frozen=True)
class Network:
    """What a guest's network device is plugged into."""

    netdev: str
    guest: str  # the guest's own address, /24
    host: str  # where the client connects to, ...
    port_offset: int  # ... and what is added to the guest's port there


def user_network(port_offset: int) -> Network:
    """User networking."""
    forwards = {f",hostfwd=tcp:127.0.0.1:{port_offset + p}-:{p}" for p in PORTS.values()}
    return Network("user,id=net0" + "".join(forwards), "10.0.2.15", "127.0.0.1", port_offset)


def tap_network(name: str, subnet: str) -> Network:
    """A tap, on which the host is number 1 and the guest number 2."""
    netdev = f"tap,id=net0,ifname={name},script=no,downscript=no"
    return Network(netdev, f"{subnet}.2", f"{subnet}.2", 0)


# A guest to compare with runs at the same time, so it has a network of its own.
TAP, OTHER_TAP = "tap0", "tap1"
SUBNETS = {TAP: "10.77.0", OTHER_TAP: "10.78.0"}
NETWORKS = {"user": user_network(10000), "tap": tap_network(TAP, SUBNETS[TAP])}
OTHER_NETWORKS = {"user": user_network(20000), "tap": tap_network(OTHER_TAP, SUBNETS[OTHER_TAP])}

# Without large receive and send every frame on the tap is a segment.
NO_LARGE = "".join(
    f",{side}_{kind}=off" for side in ("guest", "host") for kind in ("tso4", "tso6", "ecn", "ufo")
)


def set_up_networks(tap: bool) -> str:
    """Set up the loopback interface and, if wanted, taps. Returns why there are none, or nothing."""
    commands = ["ip link set lo up"]
    for name, subnet in SUBNETS.items() if tap else ():
        commands += [
            f"ip tuntap add {name} mode tap",
            # Neighbour discovery and multicast of the host's side would be counted too.
            f"sysctl -qw net.ipv6.conf.{name}.disable_ipv6=1",
            f"ip address add {subnet}.1/24 dev {name}",
            f"ip link set {name} up",
            f"ip neighbour replace {subnet}.2 lladdr {MAC} nud permanent dev {name}",
        ]
    for command in commands:
        done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"{command}: {done.stderr.strip()}"
    return ""


@dataclass
class Guest:
    """A QEMU process; use it as a context manager."""

    command: list[str]
    prefix: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    output: str = ""

    def __enter__(self) -> "Guest":
        self.process = subprocess.Popen(
            [*smoke.die_with_us(), *self.prefix, *self.command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None and self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def wait_for(self, text: str) -> None:
        """Wait until the serial line has said so."""
        assert self.process is not None and self.process.stdout is not None
        fd = self.process.stdout.fileno()
        while text not in self.output:
            ready, _, _ = select.select([fd], [], [], HANG_LIMIT_S)
            piece = os.read(fd, 65536) if ready else b""
            if not piece:
                raise BenchError(f"the guest did not say '{text}':\n{self.output[-3000:]}")
            self.output += piece.decode(errors="replace")

    def host_seconds(self) -> float:
        """Processor time that QEMU has used."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rsplit(")")[1]
        return sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")


def image_command(board: str, transport: str, network: Network, image: Path, device: str) -> list:
    """QEMU's command line for one of our images, with a static address."""
    settings = smoke.board_settings(board)
    command = [smoke.emulator(board), *settings.qemu_args, "-monitor", "none", "-serial", "stdio"]
    command += smoke.TRANSPORT_ARGS[transport]
    command += ["-netdev", network.netdev]
    command += ["-device", f"virtio-net-device,netdev=net0,mac={MAC}{device}"]
    for index, word in enumerate(smoke.option_words(f"{network.guest}/24")):
        address = settings.options_address + 4 * index
        command += ["-device", f"loader,addr={address:#x},data={word:#x},data-len=4"]
    return [*command, "-kernel", str(image)]


class Client:
    """A connection to a service of a guest, by build/bench/client; a context manager."""

    def __init__(self, network: Network, service: str, prefix: Sequence[str] = ()) -> None:
        port = PORTS[service] + network.port_offset
        self.process = subprocess.Popen(
            [*smoke.die_with_us(), *prefix, str(BENCH / "client"), network.host, str(port), service],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, amount: int) -> float:
        """Do so much work; returns the seconds it took."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(f"{amount}\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            _, errors = self.process.communicate()
            raise BenchError(f"{' '.join(map(str, self.process.args[-4:]))}: {errors.strip()}")
        return float(line)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


@dataclass(frozen=True)
class Events:
    """What happened between two snapshots."""

    counts: list[int]  # executions, by counter number; see count.c
    accesses: list[int]  # device accesses, likewise
    kicks: tuple[int, int]  # notifications of the receive and the transmit queue
    interrupts: int
    frames: tuple[int, int]  # to and from the guest on the tap; 0 elsewhere


@dataclass(frozen=True)
class Snapshot:
    """The state of all counters at a moment of rest."""

    counts: bytes
    trace_bytes: int
    frames: tuple[int, int]


def tap_frames() -> tuple[int, int]:
    """Frames that the tap carried to the guest and from it, if there is one."""
    for line in Path("/proc/net/dev").read_text(encoding="ascii").splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == TAP:
            fields = numbers.split()
            return int(fields[9]), int(fields[1])
    return 0, 0


class Counters:
    """Makes QEMU count instructions, device accesses and notifications, and reads the counters; a
    context manager.
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        self.folder = tempfile.TemporaryDirectory(prefix="virtioif-bench-")
        self.trace = Path(self.folder.name, "trace.log")
        self.trace.touch()
        path = Path(self.folder.name, "counters")
        self.counters = 1 + image.bytes // image.step
        size = 2 * 8 * self.counters
        with open(path, "wb+") as file:
            file.truncate(size)
            self.map = mmap.mmap(file.fileno(), size)
        plugin = f"{BENCH / 'count.so'},counters={path},base={image.base:#x},bytes={image.bytes:#x}"
        self.arguments = ["-plugin", f"{plugin},step={image.step}", "-D", str(self.trace)]
        self.arguments += ["-trace", "virtio_queue_notify", "-trace", "virtio_notify"]

    def __enter__(self) -> "Counters":
        return self

    def __exit__(self, *_: object) -> None:
        self.map.close()
        self.folder.cleanup()

    def snapshot(self) -> Snapshot:
        """The counters, once the guest has come to rest."""
        deadline = time.monotonic() + SETTLE_LIMIT_S
        last, since = bytes(self.map), time.monotonic()
        while time.monotonic() < min(since + QUIET_S, deadline):
            time.sleep(0.01)
            now = bytes(self.map)
            if now != last:
                last, since = now, time.monotonic()
        return Snapshot(last, self.trace.stat().st_size, tap_frames())

    def between(self, first: Snapshot, second: Snapshot) -> Events:
        """What happened between two snapshots."""
        before, after = array.array("Q", first.counts), array.array("Q", second.counts)
        trace = self.trace.read_bytes()[first.trace_bytes : second.trace_bytes]
        differences = [new - old for old, new in zip(before, after)]
        return Events(
            differences[: self.counters],
            differences[self.counters :],
            (trace.count(b" n 0 vq "), trace.count(b" n 1 vq ")),
            trace.count(b"virtio_notify "),
            (second.frames[0] - first.frames[0], second.frames[1] - first.frames[1]),
        )
