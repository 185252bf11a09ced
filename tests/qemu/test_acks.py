"""No answer waits for an ACK: peers that delay theirs, as all do, would bring 40 to 500 ms each.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from guest import Guest
from peer import MSS, TcpPeer
from traffic import ECHO, HTTP, PAGES, difference, random_bytes
from wire import Wire

pytestmark = pytest.mark.any_transport

ROUNDS = 20
SIZES = [1, 2, 3, 100]
SIZES += [segments * MSS + odd for segments in (1, 2, 3, 4, 7, 12, 27) for odd in (-1, 0, 1, 200)]


@pytest.fixture
def link(boot: Callable[..., Guest], wire: Callable[..., Wire]) -> Wire:
    """A wire to a guest with the app web."""
    made = wire()
    boot("web", nics=[made], static=Wire.STATIC).wait_ready()
    made.ask_arp()
    return made


def test_an_echo_of_any_size_waits_for_no_ack(link: Wire) -> None:
    peer = TcpPeer(link, ECHO, 40001)
    for number in range(ROUNDS):
        for size in SIZES:
            data = random_bytes(size, number)
            peer.send(data)
            answer = peer.receive(lambda received, size=size: len(received) >= size)
            assert not difference(answer, data)


def test_an_echo_of_data_written_piece_by_piece_waits_for_no_ack(link: Wire) -> None:
    peer = TcpPeer(link, ECHO, 40001)
    for number in range(ROUNDS):
        pieces = [random_bytes(size, number) for size in (7, 13, 1, 100)]
        for piece in pieces:
            peer.send(piece)
        data = b"".join(pieces)
        answer = peer.receive(lambda received, size=len(data): len(received) >= size)
        assert not difference(answer, data)


def test_no_page_waits_for_an_ack(link: Wire) -> None:
    peer = TcpPeer(link, HTTP, 40001)
    for page in ("index.html", "404.html") * ROUNDS:
        file = (PAGES / page).read_bytes()
        peer.send(f"GET /{page} HTTP/1.1\r\nConnection: keep-alive\r\n\r\n".encode())
        answer = peer.receive(lambda data, file=file: data.endswith(b"\r\n\r\n" + file))
        assert answer.startswith(b"HTTP/1.1 ")
