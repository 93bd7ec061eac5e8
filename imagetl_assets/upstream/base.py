"""What is known of an upstream file when its download begins."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from imagetl_assets.upstream.errors import PermanentError, TransientError

BLOCK_BYTES = 256 * 1024

GIB = 1024**3


@dataclass(frozen=True)
class UpstreamFile:
    """An upstream file that is open for reading.

    Attributes:
        blocks: all of its bytes; iterating may raise UpstreamError.
        size: the announced size in bytes, or None.
        etag: whatever changes when the content does, or None.
        last_modified: the HTTP date, or None.
        served_from: a hash of the URL that redirects have led to, which `etag` and `last_modified`
            are about; None where there are no redirects.
        caution: what cannot be made sure of, in one sentence, or None.
        facts: what people may like to know of it, by name. All of them hold once it is read.
    """

    blocks: Iterator[bytes]
    size: int | None
    etag: str | None
    last_modified: str | None
    served_from: str | None = None
    caution: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Known:
    """What an earlier download learned of the same upstream file; see `UpstreamFile`."""

    etag: str | None = None
    last_modified: str | None = None
    served_from: str | None = None


@dataclass(frozen=True)
class Limits:
    """How long a download may take, and how large it may be.

    Attributes:
        connect: seconds to wait for a connection.
        read: seconds to wait for the head of an answer, and for each next piece of its body.
        least_speed: bytes of the body that have to come in each second of waiting, on average over
            `read` seconds; 0 for no such limit.
        max_bytes: the size that a file may have, as it is sent and as it is stored.
    """

    connect: float = 10
    read: float = 60
    least_speed: float = 1000
    max_bytes: int = 100 * GIB


def all_of(
    blocks: Iterator[bytes], size: int | None, limits: Limits, shown: str
) -> Iterator[bytes]:
    """Pass on the blocks of a file.

    Raises:
        TransientError: they do not add up to `size`.
        PermanentError: they are more than the limit allows.
    """
    check_size(size or 0, limits, shown)
    received = 0
    for block in blocks:
        received += len(block)
        check_size(received, limits, shown)
        yield block
    if size is not None and received > size:
        raise TransientError(f"{shown} has grown meanwhile, from {size:,} to {received:,} bytes")
    if size is not None and received < size:
        raise TransientError(f"{shown} ended after {received:,} of {size:,} bytes")


def grouped(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Put blocks of any size together to such of `BLOCK_BYTES` or more; the last may be smaller."""
    group = bytearray()
    for block in blocks:
        group += block
        if len(group) >= BLOCK_BYTES:
            yield bytes(group)
            group.clear()
    if group:
        yield bytes(group)


def check_size(size: int, limits: Limits, shown: str) -> None:
    """Raise PermanentError if a file of `size` bytes is larger than the limit allows."""
    if size > limits.max_bytes:
        raise PermanentError(
            f"{shown} is larger than the limit of {limits.max_bytes:,} bytes; "
            "`max_bytes` in the config of raw_data_file raises it"
        )


def source_id(url: str) -> str:
    """Return a hash that tells upstream URLs apart without giving away what is in them."""
    return hashlib.sha256(url.encode()).hexdigest()
