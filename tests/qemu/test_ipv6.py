"""IPv6, over a tap: the link-local address works at once, a router's prefix gives another one.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import socket

import pytest

from conftest import Lan
from traffic import (
    ECHO,
    HTTP,
    MIB,
    exchange,
    ping6,
    random_bytes,
    read_to_end,
    start_page,
    udp_echo,
)


def global_address(lan: Lan, port: int = 0) -> tuple[str, int]:
    """The address that the guest makes out of the router's prefix and its MAC address."""
    ident = socket.inet_pton(socket.AF_INET6, lan.net.link_local()[0])[8:]
    prefix = socket.inet_pton(socket.AF_INET6, lan.net.HOST6)[:8]
    return socket.inet_ntop(socket.AF_INET6, prefix + ident), port


@pytest.mark.parametrize("size", [0, 1, 56, 1452])
def test_the_link_local_address_answers_a_ping(web_lan: Lan, size: int) -> None:
    payload = random_bytes(size, size)
    assert ping6(web_lan.net, web_lan.net.link_local(), payload) == payload


def test_tcp_echo_over_the_link_local_address(echo_lan: Lan) -> None:
    data = random_bytes(MIB, 6)
    with echo_lan.net.socket("tcp", socket.AF_INET6) as sock:
        sock.connect(echo_lan.net.link_local(ECHO))
        assert exchange([(sock, data)]) == [data]


def test_the_web_page_over_ipv6(web_lan: Lan) -> None:
    with web_lan.net.socket("tcp", socket.AF_INET6) as sock:
        sock.connect(web_lan.net.link_local(HTTP))
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = read_to_end(sock)
    assert answer.partition(b"\r\n\r\n")[2] == start_page()


def test_udp_echo_over_ipv6(echo_lan: Lan) -> None:
    with echo_lan.net.socket("udp", socket.AF_INET6) as sock:
        sock.connect(echo_lan.net.link_local(ECHO))
        for size in (0, 1, 1452):
            assert udp_echo(sock, random_bytes(size, size)) == random_bytes(size, size)


def test_a_router_s_prefix_gives_a_global_address_that_answers(web_lan: Lan) -> None:
    payload = random_bytes(100, 7)
    assert ping6(web_lan.net, global_address(web_lan), payload) == payload
