"""App web: the pages arrive as they are, by HTTP/1.0 and 1.1; no request does any harm.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import errno
import socket
import time

import pytest

from conftest import Lan
from guest import HANG_LIMIT_S, POLL_S, Guest
from traffic import (
    HTTP,
    PAGES,
    HttpConnection,
    assert_serves,
    difference,
    get_page,
    random_bytes,
    read_to_end,
    reset,
    start_page,
)


def page_files() -> list[str]:
    """The paths of all pages, as a client asks for them, but for those that tell an error."""
    files = sorted(path for path in PAGES.rglob("*") if path.is_file())
    return ["/" + p.relative_to(PAGES).as_posix() for p in files if not p.stem.isdecimal()]


def assert_is_file(body: bytes, path: str) -> None:
    """The body is the file, byte for byte."""
    assert not difference(body, (PAGES / path.lstrip("/")).read_bytes()), path


def test_every_file_of_the_site_arrives_byte_for_byte(any_web: Guest) -> None:
    assert page_files()
    for path in page_files():
        response = get_page(any_web, path)
        assert response.status == 200, path
        assert_is_file(response.body, path)


def test_the_root_is_the_start_page(any_web: Guest) -> None:
    response = get_page(any_web, "/")
    assert (response.status, response.body) == (200, start_page())
    assert response.headers["content-type"].startswith("text/html")


def test_http_1_0_gets_the_page_and_the_connection_ends(any_web: Guest) -> None:
    with HttpConnection(any_web) as connection:
        response = connection.get("/", version="1.0", keep=False)
        assert (response.status, response.body) == (200, start_page())
        assert connection.at_end()


def test_many_gets_go_over_one_connection(any_web: Guest) -> None:
    with HttpConnection(any_web) as connection:
        for _ in range(50):
            for path in page_files():
                response = connection.get(path, keep=True)
                assert response.status == 200
                assert_is_file(response.body, path)


def test_what_is_not_there_gives_404_and_service_goes_on(any_web: Guest) -> None:
    for path in ("/nothing.html", "/a/b/c", "/" + "x" * 200):
        response = get_page(any_web, path)
        assert response.status == 404, path
        assert_is_file(response.body, "404.html")
    assert_serves(any_web)


def test_a_request_may_come_line_by_line_as_if_typed(web: Guest) -> None:
    with HttpConnection(web) as connection:
        for line in (b"GET / HTTP/1.0\r\n", b"Host: guest\r\n", b"\r\n"):
            connection.sock.sendall(line)
            time.sleep(0.05)  # so that each one is a segment; nothing depends on it
        response = connection.read()
        assert (response.status, response.body) == (200, start_page())


def test_a_request_may_come_one_byte_at_a_time(any_web: Guest) -> None:
    with HttpConnection(any_web) as connection:
        for byte in b"GET / HTTP/1.0\r\nHost: guest\r\n\r\n":
            connection.sock.sendall(bytes([byte]))
        response = connection.read()
        assert (response.status, response.body) == (200, start_page())


def test_six_clients_fetch_at_the_same_time_as_a_browser_does(any_web: Guest) -> None:
    connections = [HttpConnection(any_web) for _ in range(6)]
    try:
        for _ in range(5):
            for connection in connections:
                connection.ask("/")
            for connection in connections:
                response = connection.read()
                assert (response.status, response.body) == (200, start_page())
    finally:
        for connection in connections:
            connection.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"GET " + b"/x" * 3000 + b" HTTP/1.0\r\n\r\n",
        random_bytes(4000, 80),
    ],
    ids=["empty", "no-path", "unknown-method", "long-path", "noise"],
)
def test_a_senseless_request_does_no_harm(web: Guest, request_bytes: bytes) -> None:
    sock = web.tcp(HTTP)
    sock.sendall(request_bytes)
    reset(sock)
    assert_serves(web)


def test_two_hundred_http_1_0_connections_in_a_row(any_web: Guest) -> None:
    # The guest closes first here, so the connections that linger in TIME_WAIT are its own.
    for _ in range(200):
        with HttpConnection(any_web) as connection:
            assert connection.get("/", version="1.0", keep=False).body == start_page()
            assert connection.at_end()


def connect_from(lan: Lan, port: int) -> socket.socket | None:
    """A connection to the web server from a port of our choice; None if the last one is in the way:
    our kernel has not let go of it, or the server takes the SYN for a part of it."""
    sock = lan.net.socket("tcp")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((lan.net.HOST, port))
    try:
        sock.connect((lan.guest.address, HTTP))
        return sock
    except OSError as error:
        sock.close()
        if error.errno not in (errno.EADDRNOTAVAIL, errno.ECONNREFUSED):
            raise
        return None


def test_a_client_that_comes_again_from_the_same_port_is_served(web_lan: Lan) -> None:
    # The server closed first, so the old connection lingers there and not at the client.
    for _ in range(3):
        deadline = time.monotonic() + HANG_LIMIT_S
        while (sock := connect_from(web_lan, 34567)) is None:
            assert time.monotonic() < deadline, "refused for too long"
            time.sleep(POLL_S)
        with sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert read_to_end(sock).endswith(start_page())
