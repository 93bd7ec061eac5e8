"""Find the images in a bundle: encoded images one after the other, four newlines between them.

Strategy: each image is asked for its own end (`formats`), so newlines within its data do not cut
it; the separator is looked for only from there on. What follows an image up to the separator stays
with it, as decoders ignore it. Leading, trailing and repeated newlines hold nothing.

A damaged image must not take its neighbours along. One that was cut short can "end" by chance at
the end of a later image, and nothing in its own structure shows that. So if another image begins
inside a found image, right after a separator, and ends at the same place, the outer one is damaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from imagetl_assets.images import formats
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.window import BLOCK_SIZE, Window

SEPARATOR = b"\n\n\n\n"

# How far all damaged images together may be read beyond their own ends: some bytes plus some times
# the bytes they take. Files made so that everything overlaps everything are given up there.
_OVERREAD = 64 * 1024 * 1024, 16


@dataclass(frozen=True, slots=True)
class FrameSpan:
    """An image in a bundle: `length` bytes from `offset`; `number` counts all pieces from 0."""

    number: int
    offset: int
    length: int
    format: str


@dataclass(frozen=True, slots=True)
class DamagedFrame:
    """A piece of a bundle that is no complete image, and what is wrong with it."""

    number: int
    offset: int
    length: int
    problem: str


def find_frames(
    file: BinaryIO, *, block_size: int = BLOCK_SIZE
) -> Iterator[FrameSpan | DamagedFrame]:
    """Yield the pieces of a bundle in order, damaged ones included.

    Args:
        file: any seekable binary file; it is read forwards in ranges of about `block_size` bytes,
            and again only where images are larger than half of that. Memory is that of two blocks.
        block_size: in bytes.

    Raises:
        OSError: the file cannot be read. What is wrong with its images raises nothing.
    """
    window = Window(file, block_size)
    number = overread = 0
    pos = window.skip_newlines(0)
    while pos < window.size:
        window.settle(pos)
        try:
            kind, end = _image_at(window, pos)
            if _cut_short(window, pos, end):
                raise ImageError("the image is cut short: another begins inside it", end)
        except ImageError as error:
            noticed = pos if error.offset is None else error.offset
            end = _next_piece(window, pos, noticed)
            overread += max(0, noticed - end)
            if overread > _OVERREAD[0] + _OVERREAD[1] * end:
                end = window.size
            yield DamagedFrame(number, pos, end - pos, str(error))
        else:
            yield FrameSpan(number, pos, end - pos, kind)
        number += 1
        pos = window.skip_newlines(end)


def looks_like_bundle(head: bytes) -> str | None:
    """Tell from the first bytes of a file (64 will do) what is wrong with it, if anything.

    Returns:
        None if an image begins there, after any newlines; else a short text that fits after
        "this is not a bundle of images: ".
    """
    start = head.lstrip(b"\n")
    if not start:
        return "it is empty" if not head else "it starts with nothing but newlines"
    if formats.sniff(start):
        return None
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "it starts like an HTML page"
    if text.startswith(b"<"):
        return "it starts like XML"
    if text.startswith((b"{", b"[")):
        return "it starts like JSON"
    if start.startswith(b"\x1f\x8b"):
        return "it starts like a gzip archive"
    if start.startswith(b"PK\x03\x04"):
        return "it starts like a zip archive"
    return f"its first bytes are those of no known image format ({start[:8].hex(' ')})"


def _image_at(window: Window, pos: int) -> tuple[str, int]:
    """Return the format and the end of the piece at `pos`. Raises ImageError if it is damaged."""
    kind = formats.sniff(window.peek(pos, formats.SNIFF))
    if kind is None:
        first = window.peek(pos, 8).hex(" ")
        raise ImageError(f"no known image format begins with the bytes {first}", pos)
    end = formats.ENDS[kind](window, pos)
    after = window.skip_newlines(end)
    if after - end >= len(SEPARATOR) or after == window.size:
        return kind, end
    if kind in formats.EXACT and (other := formats.sniff(window.peek(after, formats.SNIFF))):
        raise ImageError(f"a {other} image follows without the four newlines between", after)
    end = window.find(SEPARATOR, end, window.size)
    return kind, window.size if end < 0 else end


def _cut_short(window: Window, pos: int, end: int) -> bool:
    """Tell whether the image `pos`..`end` took its end from a later image, which is whole."""
    last = -1
    at = pos
    while (at := window.find(SEPARATOR, at, end)) >= 0:
        at = window.skip_newlines(at)
        if at < end and formats.sniff(window.peek(at, formats.SNIFF)):
            last = at
    if last < 0:
        return False
    try:
        return _image_at(window, last)[1] == end
    except ImageError:
        return False


def _next_piece(window: Window, pos: int, noticed: int) -> int:
    """Return where the damaged image at `pos` ends: at a separator, or with the file.

    Up to where the damage was noticed the image may hold newlines of its own, so a separator
    counts there only if an image follows it.
    """
    at = pos
    while (end := window.find(SEPARATOR, at, window.size)) >= 0:
        at = window.skip_newlines(end)
        if end >= noticed or at == window.size or formats.sniff(window.peek(at, formats.SNIFF)):
            return end
    return window.size
