"""Downloads that would take for ever, or fill the disk."""

from __future__ import annotations

import gzip
import socket
import time

import pytest

from imagetl_assets.upstream import (
    Limits,
    PermanentError,
    TransientError,
)
from imagetl_assets_tests.upstream.reading import read_if_changed as read
from testbed import raw_server
from testbed.http_server import HttpServer


def test_a_body_that_drips_is_given_up() -> None:
    """Each piece comes in time, but all of it would take for ever."""

    def drip(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(200):
            connection.sendall(b"x")
            time.sleep(0.05)

    with (
        raw_server.serve(drip) as url,
        pytest.raises(TransientError, match="comes too slowly: gave it up after"),
    ):
        read(url)


def test_a_head_that_drips_is_given_up() -> None:
    def drip(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(200):
            connection.sendall(b"X: y\r\n")
            time.sleep(0.05)

    with raw_server.serve(drip) as url, pytest.raises(TransientError, match="no answer in time"):
        read(url)


def test_a_head_that_never_comes_to_its_end_is_given_up() -> None:
    """One "please wait" after the other, as fast as can be."""
    flood = raw_server.flooding(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
    with raw_server.serve(flood) as url, pytest.raises(TransientError, match="no answer in time"):
        read(url)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_body_without_end_is_given_up_at_the_limit(encoding: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n".encode()
    limits = Limits(0.5, 0.5, max_bytes=1_000_000)
    flood = raw_server.flooding(head, gzip.compress(b"") * 1000)  # decoded, it stays empty
    with (
        raw_server.serve(flood) as url,
        pytest.raises(PermanentError, match="larger than the limit of 1,000,000 bytes"),
    ):
        read(url, limits=limits)


def test_an_announced_length_above_the_limit_is_refused_before_the_body(server: HttpServer) -> None:
    url = server.add_file("/a", b"x" * 100)
    with pytest.raises(PermanentError, match="`max_bytes` in the config of raw_data_file"):
        read(url, limits=Limits(max_bytes=99))
