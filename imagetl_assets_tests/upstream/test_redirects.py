"""Redirects: followed unread, at most ten, each one checked, no secrets taken along."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagetl_assets.upstream import Known, Limits, PermanentError, open_upstream
from imagetl_assets.upstream.http import look_at_http
from testbed import http_server, raw_server
from testbed.http_server import HttpServer, Request

LIMITS = Limits(2, 2)


@pytest.fixture
def other() -> Iterator[HttpServer]:
    with http_server.serve() as running:
        yield running


def read(url: str, known: Known | None = None) -> bytes | None:
    with open_upstream(url, known or Known(), LIMITS) as file:
        return None if file is None else b"".join(file.blocks)


def known_of(url: str) -> Known:
    with open_upstream(url, Known(), LIMITS) as file:
        assert file is not None
        return Known(file.etag, file.last_modified, file.served_from)


def test_ten_are_followed_and_no_more(server: HttpServer) -> None:
    server.add_file("/0", b"data")
    for i in range(1, 12):
        server.add(f"/{i}", http_server.status(302, Location=f"/{i - 1}"))
    assert read(f"{server.url}/10") == b"data"
    with pytest.raises(PermanentError, match="redirects without end"):
        read(f"{server.url}/11")


def test_their_bodies_are_not_read(server: HttpServer) -> None:
    """A body without end neither holds the download up nor is taken."""
    server.add_file("/end", b"data")
    head = f"HTTP/1.1 302 Found\r\nLocation: {server.url}/end\r\n\r\n".encode()
    sent = 0

    def flood(connection: socket.socket, request: bytes) -> None:
        nonlocal sent
        connection.sendall(head)
        while True:
            sent += connection.send(b"x" * 65536)

    with raw_server.serve(flood) as url:
        assert read(url) == b"data"
    assert sent < 20_000_000  # what the buffers of the operating system took


def test_credentials_are_sent_to_their_own_server_only(
    server: HttpServer, other: HttpServer
) -> None:
    seen: dict[str, str | None] = {}

    def note(name: str, answer: http_server.Answer) -> http_server.Answer:
        def noted(request: Request) -> None:
            seen[name] = request.headers.get("Authorization")
            answer(request)

        return noted

    url = server.add("/a", note("first", http_server.status(302, Location="/b")))
    server.add("/b", note("same", http_server.status(302, Location=f"{other.url}/c")))
    other.add("/c", note("other", http_server.file(b"data")))
    assert read(url.replace("//", "//me:secret@")) == b"data"
    assert seen == {"first": "Basic bWU6c2VjcmV0", "same": "Basic bWU6c2VjcmV0", "other": None}


def test_credentials_in_a_redirect_are_not_used(server: HttpServer) -> None:
    seen = []

    def note(request: Request) -> None:
        seen.append(request.headers.get("Authorization"))
        request.reply(200, b"data")

    server.add("/b", note)
    target = f"{server.url}/b".replace("//", "//them:theirs@")
    assert read(server.add("/a", http_server.status(302, Location=target))) == b"data"
    assert seen == [None]


def test_an_etag_is_sent_to_where_it_was_learned_only(server: HttpServer) -> None:
    """Another file may have the same one."""
    server.add_file("/one", b"data", etag='"1"')
    server.add_file("/two", b"other", etag='"1"')
    url = server.add("/latest", http_server.status(302, Location="/one"))
    known = known_of(url)
    assert known.etag == '"1"'
    assert read(url, known) is None
    server.add("/latest", http_server.status(302, Location="/two"))
    assert read(url, known) == b"other"
    server.add_file("/latest", b"at last", etag='"1"')
    assert read(url, known) == b"at last"
    assert read(url, Known(known.etag)) is None


def test_a_date_counts_for_where_it_was_learned_only(server: HttpServer) -> None:
    date = "Mon, 02 Jan 2023 00:00:00 GMT"
    for path in ("/one", "/two"):
        server.add(path, lambda request: request.reply(200, b"data", Last_Modified=date))
    url = server.add("/latest", http_server.status(302, Location="/one"))
    known = known_of(url)
    assert read(url, known) is None
    server.add("/latest", http_server.status(302, Location="/two"))
    assert read(url, known) == b"data"


def test_a_new_signature_leads_to_the_same_file(server: HttpServer) -> None:
    server.add_file("/one", b"data", etag='"1"')
    signed = "/one?versionId=7&X-Amz-Date={0}&X-Amz-Signature=s3cret{0}"
    url = server.add("/latest", http_server.status(302, Location=signed.format(1)))
    known = known_of(url)
    assert "s3cret" not in repr(known)
    server.add("/latest", http_server.status(302, Location=signed.format(2)))
    assert read(url, known) is None
    server.add("/latest", http_server.status(302, Location=signed.format(2).replace("=7", "=8")))
    assert read(url, known) == b"data"


def test_a_look_sends_no_etag_past_a_redirect(server: HttpServer) -> None:
    """Of a server that refuses HEAD."""
    seen = []

    def no_head(request: Request) -> None:
        seen.append((request.command, request.headers.get("If-None-Match")))
        request.reply(405 if request.command == "HEAD" else 200, b"data", ETag='"1"')

    server.add("/one", no_head)
    url = server.add("/latest", http_server.status(302, Location="/one"))
    mark, _ = look_at_http(url, None, LIMITS) or ("", False)
    assert look_at_http(url, mark, LIMITS) == (mark, True)
    assert {etag for _, etag in seen} == {None}


def test_netrc_is_asked_for_each_host(
    server: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine localhost login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    seen = []

    def note(request: Request) -> None:
        seen.append(request.headers.get("Authorization"))
        request.reply(200, b"data")

    server.add("/b", note)
    assert read(f"{server.url}/b") == b"data"
    there = f"{server.url}/b".replace("127.0.0.1", "localhost")
    assert read(server.add("/a", http_server.status(302, Location=there))) == b"data"
    assert seen == [None, "Basic bWU6c2VjcmV0"]


def test_cookies_are_kept_on_the_way(server: HttpServer) -> None:
    """Logins of data archives set one, and lead back to the file."""

    def login(request: Request) -> None:
        if "pass=1" in (request.headers.get("Cookie") or ""):
            request.reply(200, b"data")
        else:
            request.reply(302, b"", Location="/a", Set_Cookie="pass=1; Path=/")

    assert read(server.add("/a", login)) == b"data"


def test_each_one_is_checked_for_private_addresses(server: HttpServer) -> None:
    url = server.add("/a", http_server.status(302, Location="/b"))
    opening = open_upstream(url, Known(), LIMITS, refuse_private=True)
    with pytest.raises(PermanentError, match="private address"), opening:
        pass
    assert server.requests == []
