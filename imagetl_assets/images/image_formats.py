"""The formats of encoded images: how each is recognised, and where such an image ends.

Strategy: `sniff` names the format from the first bytes. `FORMATS` holds for each format a function
that walks the headers from the start of the image and returns the position after its last byte. No
pixel is decoded, and what can be jumped over is not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct, unpack

from imagetl_assets.images import gif
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.window import Window

SNIFFED = 18
"""How many first bytes of an image tell its format."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_BMP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}
_BMP = Struct("<2sIHHII")
_TIFF = {b"II*\0": "<", b"MM\0*": ">"}
_BIG_TIFF = {b"II+\0", b"MM\0+"}


@dataclass(frozen=True)
class ImageFormat:
    """A format of encoded images.

    Attributes:
        starts: tells from the first `SNIFFED` bytes whether an image is of this format.
        end: returns the position after the image at a position. Raises ImageError if the image is
            not complete.
        exact: whether another image that follows at once cannot belong to the same file.
    """

    starts: Callable[[bytes], bool]
    end: Callable[[Window, int], int]
    exact: bool = False


def sniff(head: bytes) -> str | None:
    """Return the format of an image by its first `SNIFFED` bytes, or None if it is not known."""
    for name, format in FORMATS.items():
        if format.starts(head):
            return name
    return None


def _png_end(window: Window, pos: int) -> int:
    """Follow the chunks to IEND (PNG specification, section 5.3)."""
    at = pos + len(_PNG)
    expected: bytes | None = b"IHDR"
    while True:
        length, kind = unpack(">I4s", window.read(at, 8))
        if not (kind.isascii() and kind.isalpha()) or kind != (expected or kind):
            raise ImageError("a PNG chunk has an impossible type", at + 4)
        end = at + 12 + int(length)
        window.index(end - 1)
        if kind == b"IEND":
            return end
        at, expected = end, None


def _riff_end(window: Window, pos: int) -> int:
    """Take the size of the RIFF chunk (WebP container specification)."""
    end = pos + 8 + int.from_bytes(window.read(pos + 4, 4), "little")
    window.index(end - 1)
    return end


def _bmp_end(window: Window, pos: int) -> int:
    """Take the file size of the BMP header; some writers leave it 0, then it says nothing."""
    _, size, _, _, pixels, header = _BMP.unpack(window.read(pos, _BMP.size))
    least = 14 + header
    if size and size < max(least, pixels):
        raise ImageError("the BMP header gives an impossible file size", pos + 2)
    end = pos + int(size or least)
    window.index(end - 1)
    return end


# A marker other than the ones that may stand in entropy-coded data (ITU T.81, B.1.1.5 and B.2.1).
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_SOI, _EOI, _SOS, _TEM = 0xD8, 0xD9, 0xDA, 0x01


def _jpeg_end(window: Window, pos: int) -> int:
    """Follow the marker segments to the end-of-image marker (ITU T.81, annex B).

    Pictures that directly follow belong to it: cameras append previews and gain maps.
    """
    at = pos + 2
    while True:
        while window.read(at, 2) == b"\xff\xff":  # fill bytes
            at += 1
        prefix, marker = window.read(at, 2)
        if prefix != 0xFF or marker in (0x00, _SOI):
            raise ImageError("no JPEG marker where one should be", at)
        at += 2
        if marker == _EOI:
            if window.peek(at, 3) != _JPEG:
                return at
            at += 2
        elif marker != _TEM and not 0xD0 <= marker <= 0xD7:
            length = int.from_bytes(window.read(at, 2), "big")
            if length < 2:
                raise ImageError("a JPEG segment has an impossible length", at)
            at += length
            if marker == _SOS:
                at = window.search(_MARKER, 2, at)
                if at < 0:
                    raise ImageError("the data ends in the middle of the image", window.size)


# TIFF 6.0, section 2: bytes per value of each field type, and the fields that point at data.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_DATA_FIELDS = {273: 279, 324: 325, 513: 514}  # offsets: byte counts
_SUB_DIRECTORIES = {330, 34665, 34853}
_MAX_VALUES = 1 << 20


def _tiff_end(window: Window, pos: int) -> int:
    """Take the furthest byte that any directory of the file points at (TIFF 6.0, section 2).

    Of BigTIFF only the header is known, so the separator decides.
    """
    head = window.read(pos, 8)
    order = _TIFF.get(head[:4])
    if order is None:
        return pos + 16
    pending = [unpack(order + "I", head[4:])[0]]
    seen: set[int] = set()
    furthest = 8
    values = 0
    while pending:
        at = pending.pop()
        if at == 0 or at in seen:
            continue
        seen.add(at)
        values += 1
        (count,) = unpack(order + "H", window.read(pos + at, 2))
        fields: dict[int, tuple[int, ...]] = {}
        for i in range(count):
            entry = pos + at + 2 + 12 * i
            tag, kind, n = unpack(order + "HHI", window.read(entry, 8))
            length = n * _SIZES.get(kind, 0)
            where = entry + 8
            if length > 4:
                where = pos + unpack(order + "I", window.read(where, 4))[0]
            window.index(where + max(length, 1) - 1)
            furthest = max(furthest, where + length - pos)
            wanted = tag in _SUB_DIRECTORIES or tag in _DATA_FIELDS or tag in _DATA_FIELDS.values()
            values += n if wanted else 1
            if values > _MAX_VALUES:
                raise ImageError("the TIFF directories are too large", entry)
            if wanted and kind in (3, 4, 13):
                code = "H" if kind == 3 else "I"
                fields[tag] = unpack(f"{order}{n}{code}", window.read(where, length))
        for tag, counts in _DATA_FIELDS.items():
            extents = zip(fields.get(tag, ()), fields.get(counts, ()), strict=False)
            furthest = max([furthest, *(start + size for start, size in extents)])
        for tag in _SUB_DIRECTORIES:
            pending += fields.get(tag, ())
        following = at + 2 + 12 * count
        furthest = max(furthest, following + 4)
        pending += unpack(order + "I", window.read(pos + following, 4))
    window.index(pos + furthest - 1)
    return pos + furthest


def _starts_bmp(head: bytes) -> bool:
    return head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS


FORMATS: dict[str, ImageFormat] = {
    "GIF": ImageFormat(lambda head: head.startswith(gif.SIGNATURES), gif.walk, exact=True),
    "PNG": ImageFormat(lambda head: head.startswith(_PNG), _png_end, exact=True),
    "JPEG": ImageFormat(lambda head: head.startswith(_JPEG), _jpeg_end),
    "WEBP": ImageFormat(
        lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", _riff_end, exact=True
    ),
    "BMP": ImageFormat(_starts_bmp, _bmp_end),
    "TIFF": ImageFormat(lambda head: head[:4] in _TIFF or head[:4] in _BIG_TIFF, _tiff_end),
}
"""All formats that a bundle may hold, by the names that Pillow has for them."""
