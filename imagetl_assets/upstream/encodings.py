"""Content encodings of HTTP bodies, undone piece by piece: functions over bytes without any I/O.

Strategy: each encoding is a stream that is fed with blocks and gives pieces of about `PIECE_BYTES`
at most, so that a small body that stands for a huge one is never held. A stream knows where it
ends. A body that ends before its stream does was cut off; one that goes on after it is damaged.

The names are those of https://www.iana.org/assignments/http-parameters (HTTP Content Coding
Registry), and `aws-chunked`, by which object stores remember how a file was once uploaded: what
they send has no such encoding any more.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

PIECE_BYTES = 256 * 1024

# Their streams hold up to 16 and 8 MiB of what they gave before; RFC 9659 allows no more for zstd.
_LARGE = {"br", "zstd"}
_ZSTD_WINDOW_LOG = 23
_MOST = 2

_OTHER_ENCODING = "it is damaged, or not in the encoding that it is said to be"
_AFTER_THE_END = "something else follows after the end of its encoding"

_ALIASES = {"x-gzip": "gzip", "identity": "", "aws-chunked": ""}


class EncodingError(Exception):
    """The body cannot be decoded; the message says why."""


class CutOff(EncodingError):
    """The body ended before its encoding did."""


class _Stream(Protocol):
    """One encoded stream: a whole body, or a part of it where several may follow each other."""

    ended: bool

    def feed(self, data: bytes) -> bytes:
        """Return what the bytes stand for, or about the first `PIECE_BYTES` of it."""

    def rest(self) -> bytes:
        """Return what of the bytes was not used yet, because of the limit or as the end came."""

    def has_more(self) -> bool:
        """Return whether to feed the rest, even if there is none, gives more."""


def check_encodings(names: Sequence[str]) -> list[str]:
    """Return the encodings that have to be undone, by their usual names.

    Raises:
        EncodingError: one is not known, or there are too many.
    """
    wanted = [name for name in (_ALIASES.get(name, name) for name in names) if name]
    for name in wanted:
        if name not in _ENCODINGS:
            known = ", ".join(sorted(_ENCODINGS))
            raise EncodingError(f"its encoding is none of {known}")
    if len(wanted) > _MOST or sum(name in _LARGE for name in wanted) > 1:
        raise EncodingError("it is encoded too many times over")
    return wanted


def decoded(blocks: Iterator[bytes], names: Sequence[str]) -> Iterator[bytes]:
    """Yield the bytes that a body stands for.

    Args:
        blocks: the body as it came.
        names: its encodings in the order of their use, as `check_encodings` gives them.

    Raises:
        EncodingError: it cannot be decoded; CutOff: it has no end.
    """
    for name in reversed(names):
        blocks = undone(blocks, _ENCODINGS[name])
    return blocks


def undone(blocks: Iterator[bytes], encoding: Encoding) -> Iterator[bytes]:
    """Yield the bytes that a body in one encoding stands for. Raises EncodingError as `decoded`."""
    stream, begun, problem = encoding.new(), False, _OTHER_ENCODING
    for block in blocks:
        while block or (begun and stream.has_more()):
            if stream.ended:
                block = block.lstrip(encoding.padding)
                if not block:
                    break
                if not encoding.several:
                    raise EncodingError(_AFTER_THE_END)
                stream, problem = encoding.new(), _AFTER_THE_END
            begun = True
            if piece := _fed(stream, block, problem):
                problem = _OTHER_ENCODING
                yield piece
            block = stream.rest()
    if not (begun and stream.ended):
        raise CutOff("its encoding has no end")


def _fed(stream: _Stream, block: bytes, problem: str) -> bytes:
    try:
        return stream.feed(block)
    except EncodingError:
        raise
    except Exception:  # each library has an error of its own
        raise EncodingError(problem) from None


class _Zlib:
    """gzip, and both kinds of deflate, told apart by the two bytes that a zlib stream begins with.

    By RFC 9110, section 8.4.1.2, deflate is a zlib stream; many servers send it without its head.
    """

    def __init__(self, wbits: int | None) -> None:
        self.ended = False
        self._head = b""
        self._full = False
        self._stream = None if wbits is None else zlib.decompressobj(wbits)

    def feed(self, data: bytes) -> bytes:
        if self._stream is None:
            self._head += data
            if len(self._head) < 2:
                return b""
            data, self._head = self._head, b""
            is_zlib = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
        piece = self._stream.decompress(data, PIECE_BYTES)
        self.ended = self._stream.eof
        self._full = len(piece) == PIECE_BYTES
        return piece

    def rest(self) -> bytes:
        if self._stream is None:
            return b""
        return self._stream.unused_data if self.ended else self._stream.unconsumed_tail

    def has_more(self) -> bool:
        # Nothing may be left of the input while some of the output is.
        return self._full and not self.ended


class _Brotli:
    def __init__(self) -> None:
        from brotli import Decompressor

        self.ended = False
        self._full = False
        self._stream = Decompressor()

    def feed(self, data: bytes) -> bytes:
        piece: bytes = self._stream.process(data, output_buffer_limit=PIECE_BYTES)
        self.ended = self._stream.is_finished()
        self._full = len(piece) >= PIECE_BYTES
        return piece

    def rest(self) -> bytes:
        return b""  # it keeps what it was fed, and refuses what follows on the end

    def has_more(self) -> bool:
        return not self.ended and (self._full or not self._stream.can_accept_more_data())


class Decompressor:
    """A stream of what has the methods that `bz2`, `lzma` and `zstd` of Python have."""

    def __init__(self, stream: Any) -> None:
        self.ended = False
        self._stream = stream

    def feed(self, data: bytes) -> bytes:
        """See `_Stream`."""
        piece: bytes = self._stream.decompress(data, PIECE_BYTES)
        self.ended = self._stream.eof
        return piece

    def rest(self) -> bytes:
        """See `_Stream`."""
        return self._stream.unused_data if self.ended else b""

    def has_more(self) -> bool:
        """See `_Stream`."""
        return not self.ended and not self._stream.needs_input


def gzip_stream() -> _Stream:
    """Begin a stream of gzip."""
    return _Zlib(16 + zlib.MAX_WBITS)


def zstd_stream(window_log: int = _ZSTD_WINDOW_LOG) -> _Stream:
    """Begin a stream of Zstandard that may hold 2 ** `window_log` bytes of what it gave before."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    limit = {int(zstd.DecompressionParameter.window_log_max): window_log}
    return Decompressor(zstd.ZstdDecompressor(options=limit))


@dataclass(frozen=True)
class Encoding:
    """What a body in one encoding is made of.

    Attributes:
        new: begins a stream.
        several: whether a body may have several streams, one after the other.
        padding: bytes that mean nothing where a stream has ended. The tools of gzip pass over zeros
            there, with which some archives fill up their blocks.
    """

    new: Callable[[], _Stream]
    several: bool = False
    padding: bytes = b""


_ENCODINGS = {
    "gzip": Encoding(gzip_stream, several=True, padding=b"\0"),
    "deflate": Encoding(lambda: _Zlib(None)),
    "br": Encoding(_Brotli),
    "zstd": Encoding(zstd_stream, several=True),
}

SEVERAL_PARTS = frozenset(name for name, encoding in _ENCODINGS.items() if encoding.several)
"""Encodings of which a body may hold several streams: the end of one need not be the body's."""
