"""TCP echo on port 7: every byte comes back, on many connections, however the others end.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import socket

import pytest

from guest import HANG_LIMIT_S, Guest
from traffic import (
    ECHO,
    KIB,
    MIB,
    assert_echoes,
    assert_serves,
    difference,
    exchange,
    random_bytes,
    read_exactly,
    read_to_end,
    reset,
)


def test_a_mebibyte_comes_back_byte_for_byte(any_echo: Guest) -> None:
    assert_echoes(any_echo, random_bytes(MIB, 1))


def test_a_mebibyte_on_each_of_16_connections_comes_back_byte_for_byte(any_echo: Guest) -> None:
    assert_echoes(any_echo, random_bytes(MIB, 2), connections=16)


def test_the_web_app_echoes_a_mebibyte_too(any_web: Guest) -> None:
    assert_echoes(any_web, random_bytes(MIB, 3))


@pytest.mark.parametrize("size", [1, 2, 535, 536, 1459, 1460, 1461, 2920, 65535, 65536])
def test_any_size_comes_back(any_echo: Guest, size: int) -> None:
    assert_echoes(any_echo, random_bytes(size - 1, size))


def test_single_bytes_come_back_one_by_one(any_echo: Guest) -> None:
    with any_echo.tcp(ECHO) as sock:
        for byte in random_bytes(500, 4):
            sock.sendall(bytes([byte]))
            assert sock.recv(2) == bytes([byte])


def test_what_was_sent_before_a_half_close_still_comes_back(any_echo: Guest) -> None:
    data = random_bytes(16 * KIB, 5)  # small enough to need no reader while it is written
    with any_echo.tcp(ECHO) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        assert not difference(read_to_end(sock), data)


def test_a_half_close_without_data_ends_the_connection(any_echo: Guest) -> None:
    with any_echo.tcp(ECHO) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert read_to_end(sock) == b""


def test_a_client_that_reads_late_gets_everything(any_echo: Guest) -> None:
    # Nobody reads until the whole path is full: the guest has to hold back, not to drop.
    with any_echo.tcp(ECHO) as sock:
        data = random_bytes(32 * MIB, 6)
        sock.settimeout(1.0)
        sent = 0
        try:
            while sent < len(data):
                sent += sock.send(data[sent : sent + 64 * KIB])
        except TimeoutError:
            pass
        sock.settimeout(HANG_LIMIT_S)
        assert sent > 0
        assert not difference(read_exactly(sock, sent), data[:sent])
    assert_serves(any_echo)


def test_a_thousand_short_connections(any_echo: Guest) -> None:
    for number in range(1000):
        data = number.to_bytes(4, "big") * 16
        with any_echo.tcp(ECHO) as sock:
            sock.sendall(data)
            assert read_exactly(sock, len(data)) == data, number


def test_connections_that_close_at_once_do_no_harm(any_echo: Guest) -> None:
    for _ in range(200):
        any_echo.tcp(ECHO).close()
        with any_echo.tcp(ECHO) as sock:  # see BACKLOG
            assert exchange([(sock, b"open")]) == [b"open"]
    assert_serves(any_echo)


def test_connections_reset_with_data_in_flight_do_no_harm(any_echo: Guest) -> None:
    # More of them than the guest has connections: each one must be given back.
    for number in range(100):
        sock = any_echo.tcp(ECHO)
        sock.settimeout(1.0)
        try:
            sock.sendall(random_bytes(48 * KIB, number))
            sock.recv(1)
        except TimeoutError:
            pass
        reset(sock)
    assert_serves(any_echo)


def test_a_connection_goes_on_while_others_are_reset(any_echo: Guest) -> None:
    data = random_bytes(4 * KIB, 7)
    with any_echo.tcp(ECHO) as steady:
        for number in range(30):
            other = any_echo.tcp(ECHO)
            assert exchange([(other, b"open")]) == [b"open"]
            other.sendall(random_bytes(8 * KIB, number))
            assert exchange([(steady, data)]) == [data]
            reset(other)
        assert exchange([(steady, data)]) == [data]


@pytest.mark.long
def test_ten_thousand_short_connections(any_echo: Guest) -> None:
    for number in range(10_000):
        data = number.to_bytes(4, "big")
        with any_echo.tcp(ECHO) as sock:
            sock.sendall(data)
            assert read_exactly(sock, len(data)) == data, number


@pytest.mark.long
def test_64_mebibytes_on_each_of_4_connections_come_back_byte_for_byte(any_echo: Guest) -> None:
    assert_echoes(any_echo, random_bytes(64 * MIB, 8), connections=4)
