"""What is known of an upstream file when its download begins."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from imagetl_assets.upstream.errors import TransientError

BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True)
class UpstreamFile:
    """An upstream file that is open for reading.

    Attributes:
        blocks: all of its bytes; iterating may raise UpstreamError.
        size: the announced size in bytes, or None.
        etag: whatever changes when the content does, or None.
        last_modified: the HTTP date, or None.
    """

    blocks: Iterator[bytes]
    size: int | None
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True)
class Known:
    """What an earlier download learned of the same upstream file."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait for a connection, and for each next piece of an answer."""

    connect: float = 10
    read: float = 60


def all_of(blocks: Iterator[bytes], size: int | None, shown: str) -> Iterator[bytes]:
    """Pass on the blocks of a file. Raises TransientError if they do not add up to `size`."""
    received = 0
    for block in blocks:
        received += len(block)
        yield block
    if size not in (None, received):
        raise TransientError(f"{shown} ended after {received:,} of {size:,} bytes")


def source_id(url: str) -> str:
    """Return a hash that tells upstream URLs apart without giving away what is in them."""
    return hashlib.sha256(url.encode()).hexdigest()
