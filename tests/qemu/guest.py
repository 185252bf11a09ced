"""A demo image running in QEMU: boot it, read its serial line, reach it over the network, end it.

What QEMU's command line says about a board comes from examples/board/qemu_virt_<board>/qemu.sh,
the same file that examples/run.sh uses. Nothing outlives the test run: QEMU is killed when the
guest is stopped and, by the kernel, when the test run itself is killed.

Each guest has a folder of its own with its serial log, the frames on its wire (pcap), QEMU's
messages and the command line. conftest.py keeps that folder when a test fails.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("VIRTIOIF_BUILD_DIR", REPO / "build")).resolve()

BOARDS = ("riscv64", "aarch64")
TRANSPORTS = ("mmio", "mmio-legacy")
TRANSPORT_ARGS = {
    "mmio": ("-global", "virtio-mmio.force-legacy=false"),
    "mmio-legacy": ("-global", "virtio-mmio.force-legacy=true"),
}

# Every wait in these tests ends after this long without progress. It tells a hang from a slow
# machine and nothing else: what is waited for here takes milliseconds to a few seconds.
HANG_LIMIT_S = 60.0
POLL_S = 0.005

# With the end of the line: the log may be read in the middle of one.
READY = re.compile(r"^virtioif: ready ([0-9.]+)\r?\n", re.M)
ERROR = re.compile(r"^virtioif: error: \S.*\n", re.M)

GUEST_MAC = bytes.fromhex("525400123456")
OPTIONS_MAGIC = 0x56494F50  # see board_options_address in examples/run.sh


class GuestError(AssertionError):
    """The guest did not do what was waited for; the text ends with its last serial lines."""


@dataclass(frozen=True)
class Machine:
    """A board and the transport that its network device sits on."""

    board: str
    transport: str

    def __str__(self) -> str:
        return f"{self.board}-{self.transport}"


@dataclass(frozen=True)
class Board:
    """What qemu.sh says about a board."""

    emulator_variable: str
    emulator: str
    options_address: int
    qemu_args: tuple[str, ...]


@cache
def board_settings(name: str) -> Board:
    """Read examples/board/qemu_virt_<name>/qemu.sh, by bash as examples/run.sh does."""
    script = REPO / "examples" / "board" / f"qemu_virt_{name}" / "qemu.sh"
    show = (
        'set -euo pipefail; source "$1"; printf "%s\\0" "$board_emulator_variable"'
        ' "$board_emulator" "$board_options_address" "${board_qemu_args[@]}"'
    )
    output = subprocess.run(
        ["bash", "-c", show, "bash", str(script)], check=True, capture_output=True, text=True
    ).stdout
    variable, emulator, address, *args = output.removesuffix("\0").split("\0")
    return Board(variable, emulator, int(address, 0), tuple(args))


def emulator(board: str) -> str:
    """The QEMU program: QEMU_SYSTEM_<BOARD> if it is set, else the board's usual one."""
    settings = board_settings(board)
    return os.environ.get(settings.emulator_variable) or settings.emulator


def image_path(board: str, app: str) -> Path:
    """The image of a demo application, which must have been built."""
    path = BUILD / board / "examples" / f"{app}.elf"
    if not path.is_file():
        raise GuestError(f"{path} is missing. Cure: ./examples/run.sh --board {board} --build-only")
    return path


def guest_mac(index: int = 0) -> bytes:
    """The MAC address of a guest's network device."""
    return GUEST_MAC[:-1] + bytes([GUEST_MAC[-1] + index])


def option_words(static: str) -> list[int]:
    """What the image finds at the board's board_options_address."""
    if not static:
        return []
    address, _, length = static.partition("/")
    return [OPTIONS_MAGIC, int.from_bytes(socket.inet_aton(address), "little"), int(length)]


def die_with_us() -> list[str]:
    """A command prefix that has the kernel kill the command when this process ends."""
    return ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []


@dataclass
class Attachment:
    """What a guest's network device is plugged into: a -netdev specification."""

    netdev: str
    fds: list[int] = field(default_factory=list)
    device: str = ""  # more properties of the device, "name=value,..."

    def plugged(self, guest: "Guest", index: int) -> None:
        """QEMU runs; netdev number `index` of the guest is this attachment."""


@dataclass
class UserNet(Attachment):
    """QEMU's user networking; guest ports are forwarded to free ports of 127.0.0.1."""

    netdev: str = "user"
    forward: Sequence[tuple[str, int]] = (("tcp", 80), ("tcp", 7), ("udp", 7))
    ports: dict[tuple[str, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for protocol, port in self.forward:
            self.netdev += f",hostfwd={protocol}:127.0.0.1:0-:{port}"

    def plugged(self, guest: "Guest", index: int) -> None:
        """Ask QEMU which host ports the kernel chose."""
        name = re.compile(r"(?:^|\()(net\d+)\)?:")
        line = re.compile(r"\s*(TCP|UDP)\[HOST_FORWARD\]\s+\d+\s+127\S+\s+(\d+)\s+\S+\s+(\d+)")
        current = ""
        for text in guest.monitor("info usernet").splitlines():
            if match := name.search(text):
                current = match[1]
            elif (match := line.match(text)) and current == f"net{index}":
                self.ports[match[1].lower(), int(match[3])] = int(match[2])

    def address(self, protocol: str, port: int) -> tuple[str, int]:
        """Where on the host the guest's port can be reached."""
        return "127.0.0.1", self.ports[protocol, port]

    def socket(self, protocol: str) -> socket.socket:
        """A socket that can reach what address() gives."""
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        return socket.socket(socket.AF_INET, kind)


class Qmp:
    """QEMU's machine protocol on a connected socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(HANG_LIMIT_S)
        self.reader = sock.makefile("r", encoding="utf-8")
        self.greeting = self._receive()
        self.execute("qmp_capabilities")

    def _receive(self) -> dict:
        line = self.reader.readline()
        if not line:
            raise ConnectionError("QEMU closed its control socket")
        return json.loads(line)

    def execute(self, command: str, **arguments: object) -> object:
        """Run a command; events that come in between are dropped."""
        request = {"execute": command, "arguments": arguments}
        self.sock.sendall(json.dumps(request).encode() + b"\n")
        while True:
            message = self._receive()
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise GuestError(f"QEMU refused {command}: {message['error']['desc']}")

    def close(self) -> None:
        """Give the socket back."""
        self.reader.close()
        self.sock.close()


class Guest:
    """One QEMU process. Use it as a context manager, or through the boot fixture."""

    # Every guest whose folder still exists, running or not; conftest.py empties it.
    known: list["Guest"] = []

    def __init__(
        self,
        machine: Machine,
        app: str = "web",
        nics: Sequence[Attachment] | None = None,
        static: str = "",
        image: Path | None = None,
        before: Sequence[str] = (),
        after: Sequence[str] = (),
        paused: bool = False,
        capture: bool = True,
    ) -> None:
        """Describe a guest; start() runs it.

        nics: what its network devices are plugged into, default one on user networking.
        static: address and prefix length, "10.0.2.15/24", in place of DHCP.
        image: an image other than that of the app.
        before, after: more QEMU arguments, placed before and after the network devices.
        paused: the image starts when run() is called.
        capture: write all frames to files; what is to run for long is better without.
        """
        self.machine = machine
        self.app = app
        self.nics = [UserNet()] if nics is None else list(nics)
        self.image = image
        self.static = static
        self.before = list(before)
        self.after = list(after)
        self.paused = paused
        self.capture = capture
        self.folder = Path(tempfile.mkdtemp(prefix=f"virtioif-{machine}-{app}-"))
        self.serial_log = self.folder / "serial.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.qmp: Qmp | None = None
        self.address = ""
        Guest.known.append(self)

    # ---- life -----------------------------------------------------------------------------------

    def start(self) -> "Guest":
        """Run QEMU. Returns when its monitor answers; the image may not have printed anything."""
        qmp_ours, qmp_theirs = socket.socketpair()
        fds = [qmp_theirs.fileno()] + [fd for nic in self.nics for fd in nic.fds]
        command = [*die_with_us(), *self.command_line(qmp_theirs.fileno())]
        (self.folder / "command.txt").write_text(shlex.join(command) + "\n", encoding="utf-8")
        self.serial_log.touch()
        with open(self.folder / "qemu.log", "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=fds,
                start_new_session=True,
            )  # fmt: skip
        qmp_theirs.close()
        for nic in self.nics:
            for fd in nic.fds:
                os.close(fd)
            nic.fds = []
        try:
            self.qmp = Qmp(qmp_ours)
            for index, nic in enumerate(self.nics):
                nic.plugged(self, index)
            if not self.paused:
                self.run()
        except (OSError, GuestError) as error:
            self.process.wait(HANG_LIMIT_S)
            messages = (self.folder / "qemu.log").read_text(errors="replace")
            raise GuestError(f"QEMU did not start: {messages or error}") from error
        return self

    def run(self) -> None:
        """Start the image. It may be at its end before QEMU can say that it runs."""
        assert self.qmp is not None
        try:
            self.qmp.execute("cont")
        except OSError:
            pass

    def command_line(self, qmp_fd: int) -> list[str]:
        """QEMU's arguments."""
        settings = board_settings(self.machine.board)
        args = [emulator(self.machine.board), *settings.qemu_args]
        args += ["-monitor", "none", "-S"]
        args += ["-chardev", f"file,id=serial,path={self.serial_log}", "-serial", "chardev:serial"]
        args += ["-chardev", f"socket,id=qmp,fd={qmp_fd}", "-mon", "chardev=qmp,mode=control"]
        args += TRANSPORT_ARGS[self.machine.transport]
        args += self.before
        for index, nic in enumerate(self.nics):
            name = f"net{index}"
            properties = f",{nic.device}" if nic.device else ""
            if "mac=" not in properties:
                properties += f",mac={guest_mac(index).hex(':')}"
            kind, _, rest = nic.netdev.partition(",")
            args += ["-netdev", f"{kind},id={name}" + (f",{rest}" if rest else "")]
            args += ["-device", f"virtio-net-device,netdev={name}{properties}"]
            if self.capture:
                dump = f"id=dump{index},netdev={name},file={self.pcap(index)}"
                args += ["-object", f"filter-dump,{dump}"]
        if not self.nics:
            args += ["-nic", "none"]
        args += self.after
        for index, word in enumerate(option_words(self.static)):
            address = settings.options_address + 4 * index
            args += ["-device", f"loader,addr={address:#x},data={word:#x},data-len=4"]
        return [*args, "-kernel", str(self.image or image_path(self.machine.board, self.app))]

    def stop(self) -> None:
        """Kill QEMU if it runs. The folder stays."""
        if self.qmp is not None:
            self.qmp.close()
            self.qmp = None
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def running(self) -> bool:
        """Whether QEMU runs."""
        return self.process is not None and self.process.poll() is None

    def forget(self) -> None:
        """Remove the folder of a guest that was stopped."""
        shutil.rmtree(self.folder, ignore_errors=True)
        Guest.known.remove(self)

    def __enter__(self) -> "Guest":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ---- serial line ----------------------------------------------------------------------------

    def serial(self) -> str:
        """All that the image has printed so far."""
        return self.serial_log.read_bytes().decode("utf-8", "replace")

    def fail(self, what: str) -> GuestError:
        """An error that shows the end of the serial log and QEMU's own messages."""
        tail = "\n".join(self.serial().splitlines()[-25:])
        messages = (self.folder / "qemu.log").read_text(errors="replace")
        return GuestError(f"{what}\n--- serial line ---\n{tail}\n--- QEMU ---\n{messages}")

    def wait_for(self, pattern: str | re.Pattern[str], after: int = 0) -> re.Match[str]:
        """Wait until the serial log, from character `after` on, matches."""
        regex = re.compile(pattern, re.M) if isinstance(pattern, str) else pattern
        deadline = time.monotonic() + HANG_LIMIT_S
        while True:
            alive = self.running()  # asked first: what it printed before it ended counts
            match = regex.search(self.serial(), after)
            if match:
                return match
            if not alive:
                code = self.process.returncode if self.process else None
                raise self.fail(f"QEMU ended with {code} before /{regex.pattern}/ was printed")
            if time.monotonic() > deadline:
                raise self.fail(f"/{regex.pattern}/ was not printed in {HANG_LIMIT_S:.0f} s")
            time.sleep(POLL_S)

    def wait_ready(self, after: int = 0) -> str:
        """Wait for the line that says the network is up. Returns the guest's IPv4 address."""
        self.address = self.wait_for(READY, after)[1]
        return self.address

    def wait_exit(self) -> int:
        """Wait until QEMU ends by itself. Returns its exit code."""
        assert self.process is not None
        try:
            return self.process.wait(HANG_LIMIT_S)
        except subprocess.TimeoutExpired:
            raise self.fail(f"QEMU still runs after {HANG_LIMIT_S:.0f} s") from None

    # ---- control --------------------------------------------------------------------------------

    def execute(self, command: str, **arguments: object) -> object:
        """Run a QMP command."""
        assert self.qmp is not None
        return self.qmp.execute(command, **arguments)

    def pause(self) -> None:
        """Stop the machine, its clock included, until run() is called."""
        self.execute("stop")

    def reset(self) -> None:
        """Press the machine's reset button, and wait until the image is up again."""
        end = len(self.serial())
        self.execute("system_reset")
        self.wait_ready(after=end)

    def monitor(self, line: str) -> str:
        """Run a command of the human monitor; returns what it prints."""
        return str(self.execute("human-monitor-command", **{"command-line": line}))

    def set_link(self, up: bool, index: int = 0) -> None:
        """Plug or unplug the cable."""
        self.execute("set_link", name=f"net{index}", up=up)

    def change_link(self, up: bool) -> None:
        """The same, and wait until the image has noticed."""
        end = len(self.serial())
        self.set_link(up)
        self.wait_for(rf"^virtioif: link {'up' if up else 'down'}\r?\n", end)

    # ---- network --------------------------------------------------------------------------------

    def pcap(self, index: int = 0) -> Path:
        """The frames that passed the guest's network device."""
        return self.folder / f"net{index}.pcap"

    def tcp(self, port: int, nic: int = 0) -> socket.socket:
        """A TCP connection to the guest. Every operation on it has the hang limit."""
        sock = self.nics[nic].socket("tcp")
        try:
            sock.settimeout(HANG_LIMIT_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(self.nics[nic].address("tcp", port))
        except BaseException:
            sock.close()
            raise
        return sock

    def udp(self, port: int, nic: int = 0) -> socket.socket:
        """A UDP socket that talks to one port of the guest."""
        sock = self.nics[nic].socket("udp")
        sock.settimeout(HANG_LIMIT_S)
        sock.connect(self.nics[nic].address("udp", port))
        return sock
