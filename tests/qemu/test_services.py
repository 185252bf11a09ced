"""App echo's other services: UDP echo, discard and the character generator.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from frames import BROADCAST, ETH_IPV4, UDP, Frame, ethernet, ipv4, udp
from guest import Guest, guest_mac
from traffic import (
    CHARGEN,
    DISCARD,
    ECHO,
    KIB,
    MIB,
    assert_serves,
    difference,
    random_bytes,
    read_exactly,
    read_to_end,
    reset,
    udp_echo,
)
from wire import LOCAL_PORT, Wire

LINE_BYTES = 74  # 72 characters, carriage return, line feed (RFC 864)
PATTERN_LINE = bytes(range(0x20, 0x20 + 72)) + b"\r\n"


@pytest.mark.parametrize("size", [0, 1, 2, 100, 255, 256, 257, 1471, 1472])
def test_a_datagram_comes_back_by_udp(any_echo: Guest, size: int) -> None:
    with any_echo.udp(ECHO) as sock:
        for seed in range(3):
            payload = random_bytes(size, seed)
            assert not difference(udp_echo(sock, payload), payload)


def test_datagrams_come_back_in_a_row(any_echo: Guest) -> None:
    with any_echo.udp(ECHO) as sock:
        for number in range(500):
            payload = number.to_bytes(2, "big") + random_bytes(number, number)
            assert not difference(udp_echo(sock, payload), payload)


def test_the_character_generator_answers_a_datagram_with_a_part_of_its_pattern(
    boot: Callable[..., Guest], wire: Callable[..., Wire]
) -> None:
    link = wire()
    boot("echo", nics=[link], static=Wire.STATIC).wait_ready()
    for _ in range(20):
        answer = link.udp_echo(b"", port=CHARGEN)
        assert len(answer) <= 512
        assert answer[:LINE_BYTES] == PATTERN_LINE[: len(answer)]


def test_services_do_not_answer_each_other_nor_broadcasts(
    boot: Callable[..., Guest], wire: Callable[..., Wire]
) -> None:
    # One echo that answers another never ends, and a broadcast would be answered by everybody.
    link = wire()
    boot("echo", nics=[link], static=Wire.STATIC).wait_ready()
    link.ask_arp()
    for port in (ECHO, CHARGEN):
        for peer_port in (ECHO, CHARGEN):
            link.send(link.to_guest(UDP, udp(peer_port, port, b"from a service")))
        packet = ipv4(Wire.IP, "255.255.255.255", UDP, udp(LOCAL_PORT, port, b"to all"))
        link.send(ethernet(BROADCAST, Wire.MAC, ETH_IPV4, packet))
    # An answer to any of these would come before this one.
    seen = []

    def is_answer(frame: Frame) -> bool:
        if frame.ip and frame.ip.protocol == UDP and frame.source == guest_mac():
            seen.append(frame.ip.payload[8:])
        return b"the last one" in frame.data

    link.send(link.to_guest(UDP, udp(LOCAL_PORT, ECHO, b"the last one")))
    link.receive(is_answer)
    assert seen == [b"the last one"]


def test_discard_takes_a_mebibyte_and_says_nothing(any_echo: Guest) -> None:
    with any_echo.tcp(DISCARD) as sock:
        sock.sendall(random_bytes(MIB, 9))
        sock.shutdown(socket.SHUT_WR)
        assert read_to_end(sock) == b""


def test_the_character_generator_sends_its_pattern_without_a_gap(any_echo: Guest) -> None:
    with any_echo.tcp(CHARGEN) as sock:
        text = read_exactly(sock, 512 * KIB)
        reset(sock)
    printable = bytes(range(0x20, 0x7F))
    ring = printable * 3
    lines = [text[at : at + LINE_BYTES] for at in range(0, len(text) - LINE_BYTES, LINE_BYTES)]
    first = printable.index(lines[0][:1])
    for number, line in enumerate(lines):
        start = (first + number) % len(printable)
        assert line == ring[start : start + 72] + b"\r\n", f"line {number}"


def test_the_character_generator_serves_others_when_one_reads_nothing(any_echo: Guest) -> None:
    with any_echo.tcp(CHARGEN) as idle:
        read_exactly(idle, LINE_BYTES)
        for _ in range(20):
            with any_echo.tcp(CHARGEN) as sock:
                assert len(read_exactly(sock, 10 * LINE_BYTES)) == 10 * LINE_BYTES
                reset(sock)
        assert_serves(any_echo)
        reset(idle)
