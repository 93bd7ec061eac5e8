"""Reading upstream files: what is an answer, what may pass, what will not."""

from __future__ import annotations

import gzip
import socket
from pathlib import Path

import pytest

from imagetl_assets.upstream import (
    Known,
    PermanentError,
    Timeouts,
    TransientError,
    UpstreamFiles,
    open_upstream,
)
from testbed import http_server
from testbed.http_server import HttpServer, Request

QUICK = Timeouts(connect=0.5, read=0.5)


def read(url: str, known: Known | None = None) -> bytes | None:
    with open_upstream(url, known or Known(), QUICK) as file:
        return None if file is None else b"".join(file.blocks)


def test_a_file_with_what_is_known_of_it(server: HttpServer) -> None:
    url = server.add("/a", lambda r: r.reply(200, b"x" * 9, ETag='"e"', Last_Modified="today"))
    with open_upstream(url, Known(), QUICK) as file:
        assert file is not None
        assert (file.size, file.etag, file.last_modified) == (9, '"e"', "today")
        assert b"".join(file.blocks) == b"x" * 9


def test_an_unchanged_file_is_not_sent_again(server: HttpServer) -> None:
    url = server.add_file("/a", b"data")
    with open_upstream(url, Known(), QUICK) as file:
        assert file is not None
        known = Known(file.etag)
    assert read(url, known) is None
    server.add_file("/a", b"other")
    assert read(url, known) == b"other"


def test_last_modified_is_sent_back(server: HttpServer) -> None:
    def answer(request: Request) -> None:
        assert request.headers["If-Modified-Since"] == "Mon"
        request.reply(304)

    assert read(server.add("/a", answer), Known(None, "Mon")) is None


def test_redirects_are_followed(server: HttpServer) -> None:
    server.add_file("/end", b"data")
    server.add("/middle", http_server.status(302, Location="/end?x=1"))
    assert (
        read(server.add("/a", http_server.status(301, Location=f"{server.url}/middle"))) == b"data"
    )


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://x/"])
def test_redirects_to_other_schemes_are_refused(server: HttpServer, target: str) -> None:
    url = server.add("/a", http_server.status(302, Location=target))
    with pytest.raises(PermanentError, match="redirects from http to"):
        read(url)


def test_endless_redirects(server: HttpServer) -> None:
    with pytest.raises(PermanentError, match="without end"):
        read(server.add("/a", http_server.status(302, Location="/a")))


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_states_that_may_pass(server: HttpServer, code: int) -> None:
    with pytest.raises(TransientError, match=f"status {code}"):
        read(server.add("/a", http_server.status(code)))


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 451])
def test_states_that_will_not_pass(server: HttpServer, code: int) -> None:
    with pytest.raises(PermanentError, match=f"status {code}"):
        read(server.add("/a", http_server.status(code)))


def test_connection_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(TransientError, match="connection refused"):
        read(f"http://127.0.0.1:{port}/a")


def test_no_answer_in_time(server: HttpServer) -> None:
    with pytest.raises(TransientError, match="no answer in time"):
        read(server.add("/a", http_server.slow(2, b"late")))


def test_a_body_cut_short(server: HttpServer) -> None:
    url = server.add("/a", http_server.short_body(b"x" * 500, 1000))
    with pytest.raises(TransientError, match="ended after 500 of 1,000 bytes"):
        read(url)


def test_a_body_that_was_compressed_all_the_same(server: HttpServer) -> None:
    body = gzip.compress(b"data" * 100)
    url = server.add("/a", lambda request: request.reply(200, body, Content_Encoding="gzip"))
    assert read(url) == b"data" * 100


@pytest.mark.parametrize("url", ["http://", "http://[bad", "http://h:port/", "nonsense://x/y"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(PermanentError):
        read(url)


def test_folders_and_fsspec_urls(tmp_path: Path) -> None:
    path = tmp_path / "a b#1.img"
    path.write_bytes(b"data")
    with open_upstream(str(path), Known(), QUICK) as file:
        assert file is not None
        assert file.size == 4
        assert b"".join(file.blocks) == b"data"
        known = Known(file.etag)
    assert read(f"file://{path}", known) is None
    path.write_bytes(b"other")
    assert read(str(path), known) == b"other"
    with pytest.raises(PermanentError, match="does not exist"):
        read(str(tmp_path / "missing"))
    with pytest.raises(PermanentError, match="not a file"):
        read(str(tmp_path))


def test_where_upstream_files_are() -> None:
    assert UpstreamFiles(base="http://h/a/").url("b c#.img") == "http://h/a/b%20c%23.img"
    assert UpstreamFiles(base="http://h/a?k=1").url("b.img") == "http://h/a/b.img?k=1"
    assert UpstreamFiles(base="/data/").url("b c.img") == "/data/b c.img"
    assert UpstreamFiles(base="s3://bucket/x").url("b.img") == "s3://bucket/x/b.img"
