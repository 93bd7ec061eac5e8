"""Answers of a server that may send anything, and what they amount to."""

from __future__ import annotations

import gzip
import socket
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import brotli
from backports import zstd
from hypothesis import strategies as st

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    "identity": lambda data: data,
    "aws-chunked": lambda data: data,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
    "gzip, br": lambda data: brotli.compress(gzip.compress(data)),
    "compress": lambda data: data,
}

STATUSES = st.sampled_from([200] * 12 + [203, 204, 206, 304, 404, 500, 503, 101, 999])
FRAMINGS = st.sampled_from(["length", "chunked", "both", "close"])

# What is done to the bytes of an answer on their way: nothing, as often as not.
DAMAGES = st.one_of(
    st.just(None),
    st.tuples(st.just("cut"), st.floats(0, 1)),
    st.tuples(st.just("cut body"), st.floats(0, 1)),
    st.tuples(st.just("flip"), st.floats(0, 1)),
    st.tuples(st.just("insert"), st.floats(0, 1)),
    st.tuples(st.just("append"), st.floats(0, 1)),
)


@dataclass(frozen=True)
class Answer:
    """One answer: what the file is, and how it is sent.

    Attributes:
        file: the whole of it, as it is upstream.
        status: of the answer.
        encoding: the Content-Encoding header; empty for none.
        framing: how the body says where it ends: length, chunked, both, close.
        wrong_length: what to add to the announced length.
        chunk: the size of chunks.
        extra: further header lines.
        damage: what happens on the way, and where (0 to 1).
        slow: whether it comes in pieces, with pauses.
    """

    file: bytes
    status: int
    encoding: str
    framing: str
    wrong_length: int
    chunk: int
    extra: tuple[str, ...]
    damage: tuple[str, float] | None
    slow: bool

    def data(self) -> bytes:
        """Return all bytes of the answer, before anything happens to them."""
        body = ENCODERS[self.encoding](self.file)
        lines = [f"HTTP/1.1 {self.status} Whatever", 'ETag: "e"', *self.extra]
        if self.encoding:
            lines.append(f"Content-Encoding: {self.encoding}")
        if self.framing in ("length", "both"):
            lines.append(f"Content-Length: {len(body) + self.wrong_length}")
        if self.framing in ("chunked", "both"):
            lines.append("Transfer-Encoding: chunked")
            body = _chunked(body, self.chunk)
        return "\r\n".join([*lines, "", ""]).encode() + body

    def sent(self) -> bytes:
        """Return the bytes that arrive."""
        data = self.data()
        if self.damage is None:
            return data
        kind, where = self.damage
        begin = data.index(b"\r\n\r\n") + 4 if kind == "cut body" else 0
        at = begin + int((len(data) - begin) * where)
        if kind in ("cut", "cut body"):
            return data[:at]
        if kind == "flip":
            return data[:at] + bytes(byte ^ 0x10 for byte in data[at : at + 1]) + data[at + 1 :]
        if kind == "insert":
            return data[:at] + b"7" + data[at:]
        return data + b"more"

    def handle(self, connection: socket.socket, request: bytes) -> None:
        """Send it."""
        data = self.sent()
        if not self.slow:
            connection.sendall(data)
            return
        for start in range(0, len(data), max(1, len(data) // 3)):
            connection.sendall(data[start : start + max(1, len(data) // 3)])
            time.sleep(0.002)

    def can_be_told(self) -> bool:
        """Return whether what was sent tells that it is not what the server has.

        It does not if a byte was changed in a body without a checksum, if only the end of the
        connection ends a body without an end of its own, and if it is the server that announces
        another length, and the bytes that come have that length.
        """
        has_checksum = "gzip" in self.encoding or "deflate" in self.encoding
        has_end = has_checksum or self.encoding in ("br", "zstd")
        damage = self.damage[0] if self.damage else ""
        lies = self.wrong_length < 0 or (self.wrong_length > 0 and damage == "append")
        no_end = self.framing == "close" or (self.framing == "length" and lies)
        changed = damage in ("flip", "insert")
        return (has_checksum or not changed) and (has_end or not no_end)


def answers(files: st.SearchStrategy[bytes]) -> st.SearchStrategy[Answer]:
    """Return a strategy for answers about one of the files."""
    return st.builds(
        Answer,
        file=files,
        status=STATUSES,
        encoding=st.sampled_from([*ENCODERS, "", "gzip"]),
        framing=FRAMINGS,
        wrong_length=st.sampled_from([0] * 8 + [-1, 1, 1000]),
        chunk=st.integers(1, 200),
        extra=st.lists(st.sampled_from(_EXTRA), max_size=2).map(tuple),
        damage=DAMAGES,
        slow=st.booleans(),
    )


_EXTRA = (
    "Content-Range: bytes 0-9/100",
    "Content-Type: multipart/byteranges; boundary=x",
    "Connection: close",
    "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT",
    "Content-Length: 10",
    "Content-Length: " + "9" * 5_000,
    "Retry-After: " + "9" * 5_000,
    "Location: /a",
    "Trailer: ETag",
    "X: " + "y" * 10_000,
)


def _chunked(body: bytes, size: int) -> bytes:
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
