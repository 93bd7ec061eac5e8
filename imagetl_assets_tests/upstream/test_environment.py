"""Proxies, certificates and passwords that the environment names."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from imagetl_assets.upstream import (
    PermanentError,
    TransientError,
)
from imagetl_assets.upstream.environment import is_loopback, proxy_for
from imagetl_assets_tests.upstream.reading import read
from testbed import raw_server
from testbed.http_server import HttpServer, Request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndata"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *(v.upper() for v in VARIABLES), *BUNDLES):
        monkeypatch.delenv(name, raising=False)


def test_a_proxy_is_asked(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def answer(request: Request) -> None:
        seen.append((request.headers["Host"], request.headers.get("Proxy-Authorization")))
        request.reply(200, b"data")

    server.add("http://upstream.example/a", answer)
    monkeypatch.setenv("http_proxy", server.url.replace("//", "//me:secret@"))
    assert read("http://upstream.example/a") == b"data"
    assert seen == [("upstream.example", "Basic bWU6c2VjcmV0")]


@pytest.mark.parametrize(
    ("answer", "error", "problem"),
    [
        (b"407 Proxy Authentication Required", PermanentError, "proxy refuses with status 407"),
        (b"502 Bad Gateway", TransientError, "proxy refuses with status 502"),
    ],
)
def test_a_proxy_that_refuses(
    answer: bytes, error: type[Exception], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server.serve(raw_server.sending(b"HTTP/1.1 " + answer + b"\r\n\r\n")) as url:
        monkeypatch.setenv("https_proxy", url)
        with pytest.raises(error, match=problem):
            read("https://upstream.example/a")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "sample.localhost", "127.1.2.3"])
def test_this_machine_is_never_asked_of_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert proxy_for("http://upstream.example/a") == "http://proxy.example:3128"
    assert proxy_for(f"http://{host}:8000/a") is None


def test_exceptions_from_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inner.example,10.0.0.0/8")
    assert proxy_for("http://a.outer.example/") == "http://proxy.example:3128"
    assert proxy_for("http://a.inner.example/") is None
    assert proxy_for("http://10.1.2.3/") is None


def test_what_is_loopback() -> None:
    assert is_loopback("::1")
    assert not is_loopback("localhost.example.org")
    assert not is_loopback("128.0.0.1")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody knows, with its key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [*command, *subject, "-keyout", str(path), "-out", f"{path}.crt"],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_of_ones_own(
    name: str, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server.serve(raw_server.sending(OK), tls) as url:
        monkeypatch.setenv(name, str(certificate))
        assert read(url) == b"data"


def test_an_unknown_certificate_is_an_error_for_good(tls: ssl.SSLContext) -> None:
    with (
        raw_server.serve(raw_server.sending(OK), tls) as url,
        pytest.raises(PermanentError, match=r"certificate of .* is not accepted: self"),
    ):
        read(url)


def test_a_bundle_of_certificates_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file")
    with pytest.raises(PermanentError, match="REQUESTS_CA_BUNDLE names no certificates: /no/such"):
        read("https://127.0.0.1:1/a")


def test_a_server_without_tls() -> None:
    def answer() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            connection.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(PermanentError, match="cannot be reached over TLS"):
            read(f"https://127.0.0.1:{listening.getsockname()[1]}/")


def test_a_connection_that_was_cut_is_not_one_that_was_closed(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TLS, a body that only the end of the connection ends cannot be cut off unseen."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    head = b"HTTP/1.0 200 OK\r\n\r\nda"

    def close(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head)
        assert isinstance(connection, ssl.SSLSocket)
        connection.unwrap()

    with raw_server.serve(close, tls) as url:
        assert read(url) == b"da"
    with (
        raw_server.serve(raw_server.sending(head), tls) as url,
        pytest.raises(TransientError, match="was cut short after 2 bytes"),
    ):
        read(url)


def test_a_tunnel_through_a_proxy(
    tls: ssl.SSLContext,
    certificate: Path,
    tunnel: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("https_proxy", tunnel)
    monkeypatch.setattr("imagetl_assets.upstream.environment.is_loopback", lambda host: False)
    with raw_server.serve(raw_server.sending(OK), tls) as url:
        assert read(url) == b"data"


@pytest.fixture
def tunnel() -> Iterator[str]:
    """A proxy that connects to where it is asked to."""

    def handler(connection: socket.socket, request: bytes) -> None:
        host, _, port = request.split(b" ")[1].rpartition(b":")
        with socket.create_connection((host.decode(), int(port)), 5) as there:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=pump, args=(connection, there), daemon=True).start()
            pump(there, connection)

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)

    with raw_server.serve(handler) as url:
        yield url.removesuffix("/a")
