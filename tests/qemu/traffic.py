"""Clients of the demo images' services. Each wait in here has a limit that only a hang reaches.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import random
import selectors
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

import guest as guest_module
from frames import icmp_echo
from guest import REPO, Guest
from netns import TapNet

ECHO, DISCARD, CHARGEN, HTTP = 7, 9, 19, 80
KIB, MIB = 1 << 10, 1 << 20
# BACKLOG: QEMU's forwarded ports hold one connection that it has not taken yet, and the kernel
# tries another one again only after a second. So tests open one, use it, and open the next.
PAGES = REPO / "examples" / "apps" / "web" / "fs"


def random_bytes(count: int, seed: int) -> bytes:
    """Bytes that look random and are the same in each run."""
    return random.Random(seed).randbytes(count)


def difference(received: bytes, sent: bytes) -> str:
    """Where two byte strings part, or nothing."""
    if received == sent:
        return ""
    shared = min(len(received), len(sent))
    at = next((i for i in range(shared) if received[i] != sent[i]), shared)
    return (
        f"{len(received)} of {len(sent)} bytes came back, they differ from byte {at} on:"
        f" sent {sent[at : at + 16].hex()}, received {received[at : at + 16].hex()}"
    )


# ---- TCP echo ----------------------------------------------------------------------------------


class _Exchange:
    """One connection that sends and receives at the same time."""

    def __init__(self, sock: socket.socket, data: bytes) -> None:
        self.sock = sock
        self.data = data
        self.unsent = memoryview(data)
        self.received = bytearray()

    def send(self) -> None:
        """Send what the socket takes."""
        self.unsent = self.unsent[self.sock.send(self.unsent[: 64 * KIB]) :]

    def receive(self) -> None:
        """Receive what is there."""
        chunk = self.sock.recv(min(64 * KIB, len(self.data) - len(self.received)))
        if not chunk:
            raise AssertionError(f"closed early: {difference(bytes(self.received), self.data)}")
        self.received += chunk

    def __str__(self) -> str:
        return f"{len(self.data) - len(self.unsent)} sent, {len(self.received)} back"

    def wants(self) -> int:
        """What is left to do."""
        events = selectors.EVENT_WRITE if self.unsent else 0
        return events | (selectors.EVENT_READ if len(self.received) < len(self.data) else 0)


def exchange(connections: Sequence[tuple[socket.socket, bytes]]) -> list[bytes]:
    """Send each connection its data and read as many bytes back, all of them at the same time."""
    work = [_Exchange(sock, data) for sock, data in connections]
    with selectors.DefaultSelector() as selector:
        for item in filter(_Exchange.wants, work):
            item.sock.setblocking(False)
            selector.register(item.sock, item.wants(), item)
        while selector.get_map():
            ready = selector.select(guest_module.HANG_LIMIT_S)
            if not ready:
                raise AssertionError("no byte moved any more: " + "; ".join(map(str, work)))
            for key, events in ready:
                _advance(selector, key.data, events)
    for item in work:
        item.sock.settimeout(guest_module.HANG_LIMIT_S)
    return [bytes(item.received) for item in work]


def _advance(selector: selectors.BaseSelector, item: _Exchange, events: int) -> None:
    if events & selectors.EVENT_READ:
        item.receive()
    if events & selectors.EVENT_WRITE:
        item.send()
    if wants := item.wants():
        selector.modify(item.sock, wants, item)
    else:
        selector.unregister(item.sock)


def assert_echoes(guest: Guest, data: bytes, connections: int = 1) -> None:
    """Every connection gets back what it sent; each sends data of its own."""
    socks = []
    try:
        for _ in range(connections):
            socks.append(guest.tcp(ECHO))
            assert exchange([(socks[-1], b"open")]) == [b"open"]  # see BACKLOG
        sent = [bytes([i]) + data for i in range(connections)]
        for i, received in enumerate(exchange(list(zip(socks, sent)))):
            assert received == sent[i], f"connection {i}: {difference(received, sent[i])}"
    finally:
        for sock in socks:
            sock.close()


def read_to_end(sock: socket.socket) -> bytes:
    """All bytes until the other side closes."""
    received = bytearray()
    while chunk := sock.recv(64 * KIB):
        received += chunk
    return bytes(received)


def read_exactly(sock: socket.socket, count: int) -> bytes:
    """So many bytes."""
    received = bytearray()
    while len(received) < count:
        chunk = sock.recv(min(64 * KIB, count - len(received)))
        assert chunk, f"closed after {len(received)} of {count} bytes"
        received += chunk
    return bytes(received)


def reset(sock: socket.socket) -> None:
    """Close a connection by a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# ---- UDP ---------------------------------------------------------------------------------------


def udp_echo(sock: socket.socket, payload: bytes) -> bytes:
    """One datagram there and back. A lost one is sent again: UDP may lose, but not every time."""
    deadline = time.monotonic() + guest_module.HANG_LIMIT_S
    sock.settimeout(2.0)
    sent = 0
    while True:
        sock.send(payload)
        sent += 1
        try:
            answer = sock.recv(64 * KIB)
            break
        except TimeoutError:
            if time.monotonic() > deadline:
                raise AssertionError(f"no answer to {len(payload)} bytes of UDP") from None
    _drop_late_answers(sock, sent - 1)
    return answer


def _drop_late_answers(sock: socket.socket, most: int) -> None:
    try:
        for _ in range(most):
            sock.recv(64 * KIB)
    except TimeoutError:
        pass


# ---- ping --------------------------------------------------------------------------------------

IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_PMTUDISC_PROBE = 10, 0, 3


def ping(net: TapNet, payload: bytes, fragment: bool = False) -> bytes:
    """The payload of the guest's answer to an ICMP echo request, one unfragmented packet unless
    asked otherwise. Repeated until an answer comes."""
    assert net.guest is not None
    with net.namespace.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        mode = IP_PMTUDISC_DONT if fragment else IP_PMTUDISC_PROBE
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, mode)
        sock.connect((net.guest.address, 0))
        ident = random.getrandbits(16)

        def take(packet: bytes) -> bytes | None:
            icmp = packet[(packet[0] & 0x0F) * 4 :]
            return icmp[8:] if icmp[0] == 0 and icmp[4:6] == ident.to_bytes(2, "big") else None

        return _ask(sock, lambda sequence: icmp_echo(ident, sequence, payload), take)


def ping6(net: TapNet, address: tuple, payload: bytes) -> bytes:
    """The same over IPv6; the kernel fills in the checksum."""
    ident = random.getrandbits(16)
    with net.namespace.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
        sock.connect(address)

        def make(sequence: int) -> bytes:
            return struct.pack("!BBHHH", 128, 0, 0, ident, sequence) + payload

        def take(icmp: bytes) -> bytes | None:
            return icmp[8:] if icmp[0] == 129 and icmp[4:6] == ident.to_bytes(2, "big") else None

        return _ask(sock, make, take)


def _ask(sock: socket.socket, make, take) -> bytes:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + guest_module.HANG_LIMIT_S
    sequence = 0
    while time.monotonic() < deadline:
        sequence += 1
        again = time.monotonic() + 1.0
        try:
            sock.send(make(sequence))
            while (left := again - time.monotonic()) > 0:
                sock.settimeout(left)
                if (answer := take(sock.recv(64 * KIB))) is not None:
                    return answer
        except TimeoutError:
            pass
        except OSError as error:
            if "unreachable" not in str(error).lower() and "No route" not in str(error):
                raise
    raise AssertionError(f"no answer to {sequence} echo requests")


# ---- HTTP --------------------------------------------------------------------------------------


@dataclass
class Response:
    """An HTTP response."""

    version: str
    status: int
    headers: dict[str, str]
    body: bytes


class HttpConnection:
    """A connection to the web server that can carry several requests."""

    def __init__(self, guest: Guest) -> None:
        self.sock = guest.tcp(HTTP)
        self.reader = self.sock.makefile("rb")

    def get(self, path: str = "/", version: str = "1.1", keep: bool = True) -> Response:
        """Send one request and read the answer to it."""
        self.ask(path, version, keep)
        return self.read()

    def ask(self, path: str = "/", version: str = "1.1", keep: bool = True) -> None:
        """Send one request."""
        text = f"GET {path} HTTP/{version}\r\nHost: guest\r\nUser-Agent: virtioif-test\r\n"
        text += f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
        self.sock.sendall(text.encode("ascii"))

    def read(self) -> Response:
        """Read one answer: as long as it says, else to the end of the connection."""
        status = self._line()
        parts = status.split(" ", 2)
        assert parts[0].startswith("HTTP/1."), f"not an HTTP status line: {status!r}"
        headers: dict[str, str] = {}
        while line := self._line():
            name, colon, value = line.partition(":")
            assert colon, f"not an HTTP header: {line!r}"
            headers[name.strip().lower()] = value.strip()
        if "content-length" in headers:
            length = int(headers["content-length"])
            body = self.reader.read(length)
            assert len(body) == length, f"{len(body)} of {length} bytes came"
        else:
            body = self.reader.read()
        return Response(parts[0], int(parts[1]), headers, body)

    def _line(self) -> str:
        line = self.reader.readline(4 * KIB)
        assert line.endswith(b"\r\n"), f"the answer ends early: {line!r}"
        return line[:-2].decode("latin-1")

    def at_end(self) -> bool:
        """Whether the server closed the connection (waits for what comes next)."""
        return self.reader.read(1) == b""

    def close(self) -> None:
        """Close the connection."""
        self.reader.close()
        self.sock.close()

    def __enter__(self) -> "HttpConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def get_page(guest: Guest, path: str = "/") -> Response:
    """One request on a connection of its own."""
    with HttpConnection(guest) as connection:
        return connection.get(path, keep=False)


def start_page() -> bytes:
    """The file that the server shows for /."""
    for name in ("index.html", "index.htm", "index.shtml"):
        if (PAGES / name).is_file():
            return (PAGES / name).read_bytes()
    raise AssertionError(f"no index page in {PAGES}")


def assert_serves(guest: Guest) -> None:
    """The guest still does its work: the page of app web, the echo of both apps."""
    if guest.app == "web":
        response = get_page(guest)
        assert (response.status, response.body) == (200, start_page())
    assert_echoes(guest, random_bytes(8 * KIB, 1))
