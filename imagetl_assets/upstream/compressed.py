"""Upstream files that are compressed as a whole, such as `.tar.gz`: unpacked while they come.

What is inside cannot be read in ranges, so it is stored unpacked, and read like any other bundle
from then on. Piece by piece, as in `encodings`: a small file that stands for a huge one ends at the
limit of bytes, or where the disk has no room.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from imagetl_assets.upstream.base import Limits, check_size, grouped
from imagetl_assets.upstream.encodings import (
    CutOff,
    Decompressor,
    Encoding,
    EncodingError,
    gzip_stream,
    undone,
    zstd_stream,
)
from imagetl_assets.upstream.errors import PermanentError

# What `zstd --ultra -22` needs; and `xz -9`, with some room.
_ZSTD_WINDOW_LOG = 27
_XZ_MEMORY = 128 * 1024 * 1024


def _xz_stream() -> Decompressor:
    import lzma

    return Decompressor(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY))


def _bzip2_stream() -> Decompressor:
    import bz2

    return Decompressor(bz2.BZ2Decompressor())


_COMPRESSIONS = {
    "gzip": (b"\x1f\x8b\x08", Encoding(gzip_stream, several=True, padding=b"\0")),
    "zstd": (b"\x28\xb5\x2f\xfd", Encoding(lambda: zstd_stream(_ZSTD_WINDOW_LOG), several=True)),
    "xz": (b"\xfd7zXZ\0", Encoding(_xz_stream, several=True, padding=b"\0")),
    "bzip2": (b"BZh", Encoding(_bzip2_stream, several=True)),
}
"""The first bytes of compressed files, and how to unpack them, by the names of the programs."""


def unpacked(
    blocks: Iterator[bytes], limits: Limits, shown: str
) -> tuple[Iterator[bytes], str | None]:
    """Return the bytes that a file stands for, and the name of its compression.

    A file that is not compressed is returned as it is, with None.

    Raises:
        PermanentError: iterating finds that the file is damaged, or larger than the limit allows.
    """
    first = next(blocks, b"")
    whole = chain([first], blocks) if first else blocks
    for name, (signature, encoding) in _COMPRESSIONS.items():
        if first.startswith(signature):
            return _unpacked(whole, encoding, limits, f"{shown}, a {name} file,"), name
    return whole, None


def _unpacked(
    blocks: Iterator[bytes], encoding: Encoding, limits: Limits, shown: str
) -> Iterator[bytes]:
    size = 0
    try:
        for block in grouped(undone(blocks, encoding)):
            size += len(block)
            check_size(size, limits, f"{shown} when it is unpacked,")
            yield block
    except CutOff:
        raise PermanentError(f"{shown} is cut short") from None
    except EncodingError as error:
        raise PermanentError(f"{shown} is damaged: {error}") from None
