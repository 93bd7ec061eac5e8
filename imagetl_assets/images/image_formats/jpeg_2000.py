"""JPEG 2000: ISO/IEC 15444-1, https://www.itu.int/rec/T-REC-T.800.

It is in a container of boxes (JP2), or a codestream alone (J2K).
"""

from __future__ import annotations

from struct import unpack

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.image_formats.boxes import end_of_boxes
from imagetl_assets.images.image_formats.format import ImageFormat
from imagetl_assets.images.window import Window

_CODESTREAM = b"\xff\x4f\xff\x51"
_SOT, _EOC = 0xFF90, 0xFFD9
_EOC_BYTES = b"\xff\xd9"
_FIRST = (b"jP  ", b"ftyp")
_OTHERS = frozenset(
    (b"jp2h", b"jp2c", b"jp2i", b"jpch", b"jplh", b"rreq", b"colr", b"res ", b"lbl ", b"xml ")
).union(b"uuid uinf asoc nlst free cref ftbl comp".split())


def _end(window: Window, pos: int) -> int:
    if window.peek(pos, 4) == _CODESTREAM:
        return _end_of_codestream(window, pos)
    return end_of_boxes(window, pos, _FIRST, _OTHERS)


def _end_of_codestream(window: Window, pos: int) -> int:
    """Follow the marker segments and the tile-parts to the end-of-codestream marker (annex A)."""
    at = pos + 2
    while True:
        marker = int.from_bytes(window.read(at, 2), "big")
        if marker == _EOC:
            return at + 2
        if marker < 0xFF30:
            raise ImageError("no JPEG 2000 marker where one should be", at)
        (length,) = unpack(">H", window.read(at + 2, 2))
        if length < 2:
            raise ImageError("a JPEG 2000 segment has an impossible length", at)
        if marker != _SOT:
            at += 2 + length
            continue
        (tile_part,) = unpack(">I", window.read(at + 6, 4))
        if not tile_part:  # it goes up to the end of the codestream
            found = window.find(_EOC_BYTES, at, window.size)
            if found < 0:
                raise ImageError("the data ends in the middle of the image", window.size)
            return found + 2
        if tile_part < 14:
            raise ImageError("a JPEG 2000 tile has an impossible length", at)
        window.index(at + tile_part - 1)
        at += tile_part


JPEG2000 = ImageFormat(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", _end, feature="jpg_2000")
