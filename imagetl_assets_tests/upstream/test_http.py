"""Reading upstream files: what is an answer, what may pass, what will not."""

from __future__ import annotations

import gzip
import socket

import pytest

from imagetl_assets.upstream import (
    Known,
    PermanentError,
    TransientError,
    open_upstream,
)
from imagetl_assets_tests.upstream.hostile import ENCODERS
from imagetl_assets_tests.upstream.reading import QUICK
from imagetl_assets_tests.upstream.reading import read_if_changed as read
from testbed import http_server, raw_server
from testbed.http_server import HttpServer, Request


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


def test_a_file_without_an_etag_is_unchanged_if_it_has_the_same_date(server: HttpServer) -> None:
    """It is compared here: servers answer that a file with an older date was not modified."""
    date = "Mon, 02 Jan 2023 00:00:00 GMT"

    def answer(request: Request) -> None:
        if "If-Modified-Since" in request.headers:
            request.reply(304)
        else:
            request.reply(200, b"data", Last_Modified=date)

    url = server.add("/a", answer)
    assert read(url, Known(None, date)) is None
    assert read(url, Known(None, "Tue, 03 Jan 2023 00:00:00 GMT")) == b"data"
    assert read(url, Known(None, "Sun, 01 Jan 2023 00:00:00 GMT")) == b"data"
    assert read(url, Known('"e"', date)) == b"data"


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_of_several_streams_without_a_length_may_be_a_part(encoding: str) -> None:
    """Nobody can tell whether one more stream would have followed: that is told, not remembered."""
    head = f'HTTP/1.0 200 OK\r\nContent-Encoding: {encoding}\r\nETag: "e"\r\n\r\n'.encode()
    body = ENCODERS[encoding](b"one") + ENCODERS[encoding](b"two")
    with (
        raw_server.serve(raw_server.sending(head, body)) as url,
        open_upstream(url, Known(), QUICK) as file,
    ):
        assert file is not None
        assert b"".join(file.blocks) == b"onetwo"
        assert file.etag is None
        assert file.caution is not None


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


def test_the_length_is_that_of_the_body_as_it_is_sent() -> None:
    body = gzip.compress(b"data" * 100)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    for length, sent in ((len(body), body[:-1]), (len(body) + 9, body)):
        with (
            raw_server.serve(raw_server.sending(head % length, sent)) as url,
            pytest.raises(TransientError, match=f"ended after {len(sent)} of {length}"),
        ):
            read(url)


@pytest.mark.parametrize("framing", ["Connection: close", "Transfer-Encoding: chunked"])
def test_a_body_whose_encoding_has_no_end(framing: str) -> None:
    body = gzip.compress(b"data" * 100)[:-1]
    if "chunked" in framing:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n{framing}\r\n\r\n".encode()
    with (
        raw_server.serve(raw_server.sending(head, body)) as url,
        pytest.raises(TransientError, match="its encoding has no end"),
    ):
        read(url)


@pytest.mark.parametrize(
    ("encoding", "problem"),
    [("gzip", "cannot be decoded"), ("compress", "its encoding is none of br, deflate")],
)
def test_a_body_that_cannot_be_decoded(server: HttpServer, encoding: str, problem: str) -> None:
    url = server.add("/a", lambda request: request.reply(200, b"x" * 9, Content_Encoding=encoding))
    with pytest.raises(PermanentError, match=problem):
        read(url)


def test_a_body_that_only_the_end_of_the_connection_ends() -> None:
    """It is taken, with a word of caution, and nothing makes it count as unchanged later."""
    answer = b'HTTP/1.0 200 OK\r\nETag: "e"\r\nLast-Modified: today\r\n\r\ndata'
    with (
        raw_server.serve(raw_server.sending(answer)) as url,
        open_upstream(url, Known(), QUICK) as file,
    ):
        assert file is not None
        assert b"".join(file.blocks) == b"data"
        assert (file.size, file.etag, file.last_modified) == (None, None, None)
        assert "a part cannot be told from the whole" in (file.caution or "")
        assert "let the server send a Content-Length" in (file.caution or "")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5_000), "length that is none"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nbody", "length that is none"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 3\r\n\r\nbody", "several"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nbody", "other than chunked"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000, "a head that is too large"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000, "a head that is too large"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "not HTTP"),
    ],
)
def test_heads_that_are_refused_at_once(answer: bytes, problem: str) -> None:
    with (
        raw_server.serve(raw_server.sending(answer)) as url,
        pytest.raises(PermanentError, match=problem),
    ):
        read(url)


@pytest.mark.parametrize("length", [3, 4, 5])
def test_both_a_length_and_chunks_have_to_agree(length: int) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n" % length
    with raw_server.serve(raw_server.sending(head, b"4\r\nbody\r\n0\r\n\r\n")) as url:
        if length == 4:
            assert read(url) == b"body"
        elif length == 3:
            with pytest.raises(PermanentError, match="more than the 3 bytes that it announces"):
                read(url)
        else:
            with pytest.raises(TransientError, match="ended after 4 of 5"):
                read(url)


@pytest.mark.parametrize(
    ("sent", "error", "problem"),
    [
        (b"0" * 300_000, PermanentError, "the line before a chunk"),
        (b"4\r\nbody\r\n0\r\n" + b"X: y\r\n" * 50_000, PermanentError, "the trailer after"),
        (b"4\r\nbody\r\nno size\r\n", TransientError, "its chunks are no HTTP"),
        (b"4\r\nbody and more", TransientError, "its chunks are no HTTP"),
        (b"4\r\nbody\r\n", TransientError, "cut short: it ended after 4 bytes"),
    ],
)
def test_chunks_that_are_none(sent: bytes, error: type[Exception], problem: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        raw_server.serve(raw_server.sending(head, sent)) as url,
        pytest.raises(error, match=problem),
    ):
        read(url)


@pytest.mark.parametrize("code", [203, 204, 205, 206, 304])
def test_answers_that_are_not_the_whole_file(server: HttpServer, code: int) -> None:
    with pytest.raises(PermanentError, match=f"status {code}: "):
        read(server.add("/a", lambda request: request.reply(code, b"")))


def test_blocks_are_large_however_small_the_pieces_are_that_come() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        raw_server.serve(raw_server.sending(head, b"1\r\nx\r\n" * 1000, b"0\r\n\r\n")) as url,
        open_upstream(url, Known(), QUICK) as file,
    ):
        assert file is not None
        assert list(file.blocks) == [b"x" * 1000]


@pytest.mark.parametrize("url", ["http://", "http://[bad", "http://h:port/", "nonsense://x/y"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(PermanentError):
        read(url)
