"""A network namespace with a tap in it: a real network that nobody else sees.

An agent, this file run as a program in the new namespace, opens sockets and taps there and hands
them over. A socket stays in the namespace it was opened in, so the tests use them like any other,
and QEMU gets the tap as an open file: it needs neither privileges nor to run in there. The
namespace has no name and ends with its last process, and the agent ends with the test run, however
that ends.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import guest as guest_module
from guest import Attachment, Guest

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000

# Root makes a namespace at once; elsewhere a user namespace may bring the rights to make one.
WAYS = (("unshare", "--net"), ("unshare", "--map-root-user", "--net"))


class NotPossible(Exception):
    """This machine gives us no namespace with a tap; the text says why."""


# ---- the agent, inside -------------------------------------------------------------------------


def open_tap(name: str, vnet_hdr: bool) -> int:
    """Make a tap. It goes when the last file that is open on it does."""
    flags = IFF_TAP | IFF_NO_PI | (IFF_VNET_HDR if vnet_hdr else 0)
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    return fd


def serve(control: socket.socket) -> None:
    """Answer requests until the other side is gone."""
    while request := control.recv(4096):
        operation, *arguments = json.loads(request)
        try:
            if operation == "tap":
                fd = open_tap(*arguments)
            else:
                fd = socket.socket(*arguments).detach()
        except OSError as error:
            control.send(f"{operation}: {error}".encode())
            continue
        socket.send_fds(control, [b"ok"], [fd])
        os.close(fd)


# ---- outside -----------------------------------------------------------------------------------


class Namespace:
    """A network namespace, the processes we run in it and the sockets we opened there."""

    def __init__(self) -> None:
        if shutil.which("ip") is None:
            raise NotPossible("no `ip`: apt-get install iproute2")
        reasons = []
        for way in WAYS:
            try:
                self._start(way)
                return
            except (NotPossible, OSError) as error:
                reasons.append(f"{' '.join(way)}: {error}")
        raise NotPossible(
            "no network namespace with a tap here (" + "; ".join(reasons) + "). Cure: run as root,"
            " where /dev/net/tun exists"
        )

    def _start(self, way: Sequence[str]) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(guest_module.HANG_LIMIT_S)
        self.enter = ["nsenter", "--net"]
        if "--map-root-user" in way:
            self.enter += ["--user", "--preserve-credentials"]
        command = [*way, sys.executable, __file__, str(theirs.fileno())]
        self.agent = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=[theirs.fileno()],
            start_new_session=True,
        )  # fmt: skip
        theirs.close()
        self.enter += ["--target", str(self.agent.pid), "--"]
        try:
            os.close(self._ask("tap", "probe", True))
            self.run("ip", "link", "set", "lo", "up")
        except (NotPossible, OSError, subprocess.CalledProcessError) as error:
            self.close()
            assert self.agent.stderr is not None
            said = self.agent.stderr.read().decode(errors="replace").strip()
            raise NotPossible(said or str(error)) from error

    def _ask(self, *request: object) -> int:
        self.control.send(json.dumps(request).encode())
        text, fds, _, _ = socket.recv_fds(self.control, 4096, 1)
        if not fds:
            raise NotPossible(text.decode() or "the agent ended")
        return fds[0]

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket that lives in the namespace, with the hang limit on each operation."""
        sock = socket.socket(fileno=self._ask("socket", int(family), int(kind), protocol))
        sock.settimeout(guest_module.HANG_LIMIT_S)
        return sock

    def tap(self, name: str, vnet_hdr: bool = True) -> int:
        """A new tap as an open file, for QEMU."""
        return self._ask("tap", name, vnet_hdr)

    def run(self, *command: str) -> str:
        """Run a command inside; returns what it prints, fails when it does."""
        done = subprocess.run(
            [*self.enter, *command],
            check=False, capture_output=True, text=True, timeout=guest_module.HANG_LIMIT_S,
        )  # fmt: skip
        if done.returncode != 0:
            raise subprocess.CalledProcessError(
                done.returncode, " ".join(command) + ": " + done.stderr.strip()
            )
        return done.stdout

    def set(self, name: str, value: object) -> None:
        """Write a setting of the namespace's network, such as net/ipv6/conf/default/accept_dad."""
        self.run("sh", "-c", f"echo {value} > /proc/sys/{name}")

    def spawn(self, log: Path, *command: str) -> subprocess.Popen[bytes]:
        """Start a server inside; its output goes to the log."""
        with open(log, "ab") as output:
            process = subprocess.Popen(
                [*self.enter, *guest_module.die_with_us(), *command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End a server that spawn() started."""
        process.kill()
        process.wait()
        self.processes.remove(process)

    def close(self) -> None:
        """End everything inside, and with it the namespace."""
        for process in list(self.processes):
            self.end(process)
        self.control.close()
        try:
            self.agent.wait(5)
        except subprocess.TimeoutExpired:
            self.agent.kill()
            self.agent.wait()

    def __enter__(self) -> "Namespace":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class TapNet(Attachment):
    """A guest on a tap in a namespace, in which the host side is HOST/24 and HOST6/64."""

    NAME = "tap0"
    HOST = "10.77.0.1"
    POOL = ("10.77.0.100", "10.77.0.150")
    HOST6 = "fd00:77::1"

    def __init__(self, namespace: Namespace, device: str = "", vnet_hdr: bool = True) -> None:
        fd = namespace.tap(self.NAME, vnet_hdr)
        super().__init__(f"tap,fd={fd}", [fd], device)
        self.namespace = namespace
        self.guest: Guest | None = None
        namespace.set("net/ipv6/conf/tap0/accept_dad", 0)  # the host's addresses work at once
        namespace.run("ip", "address", "add", f"{self.HOST}/24", "dev", self.NAME)
        namespace.run("ip", "-6", "address", "add", f"{self.HOST6}/64", "dev", self.NAME)
        namespace.run("ip", "link", "set", self.NAME, "up")
        link = json.loads(namespace.run("ip", "-json", "link", "show", "dev", self.NAME))[0]
        self.index: int = link["ifindex"]
        self.mac = bytes.fromhex(link["address"].replace(":", ""))

    def plugged(self, guest: Guest, index: int) -> None:
        """Remember the guest: its address is the one to reach."""
        self.guest = guest

    def address(self, protocol: str, port: int) -> tuple[str, int]:
        """Where the guest's port can be reached from inside the namespace."""
        assert self.guest is not None
        return self.guest.address, port

    def socket(self, protocol: str, family: int = socket.AF_INET) -> socket.socket:
        """A socket inside the namespace."""
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        return self.namespace.socket(family, kind)

    def link_local(self, port: int = 0) -> tuple[str, int, int, int]:
        """The guest's IPv6 link-local address, which follows from its MAC address."""
        mac = guest_module.guest_mac()
        ident = bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
        address = socket.inet_ntop(socket.AF_INET6, b"\xfe\x80" + bytes(6) + ident)
        return address, port, 0, self.index

    def raw(self) -> socket.socket:
        """A socket that sends and receives whole Ethernet frames on the tap."""
        sock = self.namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        sock.bind((self.NAME, 0x0003))
        return sock


def dhcp_server(
    namespace: Namespace, log: Path, pool: tuple[str, str] = TapNet.POOL
) -> subprocess.Popen[bytes]:
    """Start dnsmasq as DHCP server, and IPv6 router, of the tap. Returns when it serves."""
    command = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--pid-file=", "--port=0"]
    command += ["--user=root", "--group=root", f"--interface={TapNet.NAME}", "--leasefile-ro"]
    command += ["--no-ping", "--log-dhcp", "--log-facility=-", "--dhcp-authoritative"]
    command += [f"--dhcp-range={pool[0]},{pool[1]},255.255.255.0,2m"]
    command += ["--enable-ra", "--dhcp-range=fd00:77::,ra-only,64"]
    if shutil.which("dnsmasq") is None:
        raise NotPossible("no dnsmasq: apt-get install dnsmasq-base")
    start = len(log.read_bytes()) if log.exists() else 0
    process = namespace.spawn(log, *command)
    deadline = time.monotonic() + guest_module.HANG_LIMIT_S
    while b"router advertisement enabled" not in log.read_bytes()[start:]:
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"dnsmasq did not start: {log.read_text(errors='replace')}")
        time.sleep(guest_module.POLL_S)
    return process


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
