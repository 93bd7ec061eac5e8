"""Memory while a hostile server answers, measured in a process that does nothing else."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable, Iterator

import brotli
import pytest
from backports import zstd

from imagetl_assets_tests.upstream import measured_download
from testbed import raw_server

MOST_GROWTH = 30_000_000

pytestmark = pytest.mark.skipif(
    not measured_download.STATUS.exists(), reason="the system does not tell the peak of a process"
)

Measure = Callable[..., int]


@pytest.fixture(scope="module")
def growth() -> Iterator[Measure]:
    """By how many bytes a process grows that downloads from a URL: `growth(url, *how)`."""
    command = [sys.executable, "-m", measured_download.__name__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        to, back = process.stdin, process.stdout
        assert to is not None
        assert back is not None

        def measure(url: str, *how: str) -> int:
            print(url, *how, file=to, flush=True)
            measured = back.readline()
            print(measured)  # for `pytest -rP`
            return int(measured)

        yield measure


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ZEROS = 100_000_000


def encoded(name: str, body: bytes) -> raw_server.Handler:
    head = f"Content-Encoding: {name}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return raw_server.sending(OK + head, body)


def _wide_zstd() -> bytes:
    options = {int(zstd.CompressionParameter.window_log): 27}
    return zstd.compress(bytes(range(256)) * 400_000, options=options)


HOSTILE: dict[str, Callable[[], raw_server.Handler]] = {
    "a body without end": lambda: raw_server.flooding(OK + b"\r\n", b"x" * 65536),
    "a body larger than announced": lambda: raw_server.flooding(
        OK + b"Content-Length: 9\r\n\r\n", b"x" * 65536
    ),
    "an error with a body without end": lambda: raw_server.flooding(
        b"HTTP/1.1 500 No\r\n\r\n", b"x" * 65536
    ),
    "a gzip bomb": lambda: encoded("gzip", gzip.compress(bytes(ZEROS))),
    "a gzip bomb within one": lambda: encoded(
        "gzip, gzip", gzip.compress(gzip.compress(bytes(ZEROS)))
    ),
    "a br bomb": lambda: encoded("br", brotli.compress(bytes(ZEROS), lgwin=24, quality=5)),
    "a br bomb around gzip": lambda: encoded(
        "gzip, br", brotli.compress(gzip.compress(bytes(ZEROS)), lgwin=24, quality=5)
    ),
    "a zstd bomb": lambda: encoded("zstd", zstd.compress(bytes(ZEROS))),
    "zstd with a wide window": lambda: encoded("zstd", _wide_zstd()),
    "gzip members without end": lambda: raw_server.flooding(
        OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"") * 1000
    ),
    "a header line without end": lambda: raw_server.flooding(OK + b"X: ", b"y" * 65536),
    "headers without end": lambda: raw_server.flooding(OK, b"X: y\r\n" * 10_000),
    "a status line without end": lambda: raw_server.flooding(b"HTTP/1.1 200 ", b"y" * 65536),
    "please wait, without end": lambda: raw_server.flooding(
        b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000
    ),
    "a chunk size without end": lambda: raw_server.flooding(CHUNKED, b"0" * 65536),
    "a chunk extension without end": lambda: raw_server.flooding(CHUNKED + b"5;", b"x" * 65536),
    "a chunk of nearly any size": lambda: raw_server.flooding(
        CHUNKED + b"f" * 15 + b"\r\n", b"x" * 65536
    ),
    "trailers without end": lambda: raw_server.flooding(CHUNKED + b"0\r\n", b"X: y\r\n" * 10_000),
    "cookies": lambda: raw_server.sending(
        b"HTTP/1.1 302 Found\r\nLocation: /b\r\n" + b"Set-Cookie: a=b\r\n" * 5_000 + b"\r\n"
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_memory_grows_by_less_than_30_mb(growth: Measure, kind: str) -> None:
    with raw_server.serve(HOSTILE[kind]()) as url:
        assert growth(url) < MOST_GROWTH


def test_memory_of_a_redirect_with_a_gzip_bomb(growth: Measure) -> None:
    bomb = gzip.compress(bytes(ZEROS))
    head = f"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: {len(bomb)}\r\n"
    answer = head.encode() + b"Content-Encoding: gzip\r\n\r\n"
    with raw_server.serve(raw_server.sending(answer, bomb)) as url:
        assert growth(url) < MOST_GROWTH


def test_what_is_measured_is_there(growth: Measure) -> None:
    """A process that holds what it reads grows by more."""
    body = b"x" * 39_000_000
    head = OK + b"Content-Length: %d\r\n\r\n" % len(body)
    with raw_server.serve(raw_server.sending(head, body)) as url:
        assert growth(url, "hold") > MOST_GROWTH
