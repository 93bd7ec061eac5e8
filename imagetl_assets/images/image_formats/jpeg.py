"""JPEG: ITU T.81, https://www.w3.org/Graphics/JPEG/itu-t81.pdf.

A file can hold further pictures, such as previews and gain maps, if the first one says so in a
Multi-Picture Format index (CIPA DC-007). Pictures that follow without being in such an index are
images of their own.
"""

from __future__ import annotations

import re
from functools import partial
from struct import unpack

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.image_formats.format import ImageFormat
from imagetl_assets.images.window import Window

_START = b"\xff\xd8\xff"
_SOI, _EOI, _SOS, _TEM, _APP2 = 0xD8, 0xD9, 0xDA, 0x01, 0xE2

# A marker other than the ones that may stand in entropy-coded data (B.1.1.5 and B.2.1).
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)

# What a segment may begin with (table B.1), with any number of fill bytes before it. Junk between
# segments is passed over, but not more than so many bytes of it.
_SEGMENT = re.compile(rb"\xff[\x01\xc0-\xfe]", re.DOTALL)
_FILL = b"\xff"
_MOST_JUNK = 64 * 1024

# DC-007, section 5.2: the tag of the MP entries, and their length.
_MP_ENTRIES = 0xB002
_MP_ENTRY_LENGTH = 16
_MOST_MP_ENTRIES = 256


def _end(window: Window, pos: int, *, strict: bool = False) -> int:
    """Return where the picture ends, or the last one of those in its index."""
    end, others = _picture(window, pos, strict)
    for start in others:
        if start >= end and window.peek(start, len(_START)) == _START:
            end = _picture(window, start, strict)[0]
    return end


def _picture(window: Window, pos: int, strict: bool) -> tuple[int, list[int]]:
    """Follow the marker segments of one picture to the end-of-image marker (annex B).

    Returns the position after it, and those of the other pictures in its index, in order.
    """
    at = pos + 2
    others: list[int] = []
    while True:
        at = _next_marker(window, at, strict)
        marker = window.byte(at + 1)
        if marker == _SOI:
            raise ImageError("no JPEG marker where one should be", at)
        at += 2
        if marker == _EOI:
            return at, sorted(others)
        if marker == _TEM or 0xD0 <= marker <= 0xD7:
            continue
        length = int.from_bytes(window.read(at, 2), "big")
        if length < 2:
            raise ImageError("a JPEG segment has an impossible length", at)
        if marker == _APP2 and window.peek(at + 2, 4) == b"MPF\0":
            others += _indexed(window, at + 6)
        at += length
        if marker == _SOS:
            at = window.search(_MARKER, 2, at, window.size)
            if at < 0:
                raise ImageError("the data ends in the middle of the image", window.size)


def _next_marker(window: Window, pos: int, strict: bool) -> int:
    """Return where the next marker is. Decoders pass over what is before it; strict ones do not."""
    at = window.search(_SEGMENT, 2, pos, min(window.size, pos + _MOST_JUNK))
    if at < 0 and pos + _MOST_JUNK >= window.size and not strict:
        raise ImageError("the data ends in the middle of the image", window.size)
    if at < 0 or (strict and window.read(pos, at - pos).strip(_FILL)):
        raise ImageError("no JPEG marker where one should be", pos)
    return at


def _indexed(window: Window, base: int) -> list[int]:
    """Return the positions of the pictures in the MP index at `base`, but that of the first one.

    An index that makes no sense has none: tools that edit a picture often leave a wrong one.
    """
    head = window.peek(base, 8)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
    if order is None or len(head) < 8:
        return []
    (directory,) = unpack(order + "I", head[4:])
    (count,) = unpack(order + "H", window.peek(base + directory, 2).ljust(2, b"\0"))
    for i in range(min(count, _MOST_MP_ENTRIES)):
        field = window.peek(base + directory + 2 + 12 * i, 12)
        if len(field) < 12:
            break
        tag, _, length, offset = unpack(order + "HHII", field)
        if tag == _MP_ENTRIES:
            entries = min(length // _MP_ENTRY_LENGTH, _MOST_MP_ENTRIES)
            data = window.peek(base + offset, entries * _MP_ENTRY_LENGTH)
            found = [
                unpack(order + "I", data[start + 8 : start + 12])[0]
                for start in range(0, len(data) - _MP_ENTRY_LENGTH + 1, _MP_ENTRY_LENGTH)
            ]
            return [base + int(place) for place in found if place]
    return []


JPEG = ImageFormat(rb"\xff\xd8\xff", _end, strict_end=partial(_end, strict=True))
