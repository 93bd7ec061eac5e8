"""The blocks of a GIF as they are in the file (GIF89a specification, sections 15 to 27)."""

from __future__ import annotations

from struct import Struct

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.gif.layout import GifImage

SIGNATURES = (b"GIF87a", b"GIF89a")

SCREEN = Struct("<6sHHBBB")
"""Header and logical screen descriptor: signature, width, height, flags, background, aspect."""

CONTROL = Struct("<3sBHBB")
"""Graphic control extension: introducer, flags, delay, transparent index, terminator."""

IMAGE = Struct("<BHHHHB")
"""Image descriptor: introducer, left, top, width, height, flags."""

LOOP = Struct("<3s11sBBHB")
"""The NETSCAPE2.0 application extension, which says how often an animation is repeated."""

EXTENSION, IMAGE_SEPARATOR, TRAILER = b"!,;"
CONTROL_LABEL = 0xF9

GREYS = bytes(value for grey in range(256) for value in (grey, grey, grey))
"""The colour table of a GIF that has none, as decoders take it."""


def table_length(flags: int) -> int:
    """Return the length in bytes of the colour table that these flags announce (section 18)."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def image_bytes(image: GifImage, source: bytes | memoryview) -> tuple[bytes, bytes | memoryview]:
    """Return the colour table and the compressed data of an image.

    Args:
        image: of the layout of `source`.
        source: the GIF.

    Raises:
        ImageError: the GIF is not the one that the layout describes.
    """
    view = memoryview(source)
    start, length = image.palette_offset, image.palette_length
    table = bytes(view[start : start + length]) if length else GREYS
    data = view[image.data_offset : image.data_offset + image.data_length]
    if len(table) < length or len(data) < max(2, image.data_length) or data[-1]:
        raise ImageError("the frame is not the one that its layout describes", image.data_offset)
    return table, data


def image_head(image: GifImage, table: bytes) -> bytes:
    """Return all of an image that goes before its data; `table` becomes its own colour table."""
    index = image.transparent
    flags = image.disposal << 2 | (index >= 0)
    control = CONTROL.pack(b"!\xf9\x04", flags, image.delay, max(index, 0), 0)
    bits = (len(table) // 3).bit_length() - 2
    rectangle = IMAGE.pack(
        IMAGE_SEPARATOR,
        image.left,
        image.top,
        image.width,
        image.height,
        0x80 | image.interlaced << 6 | bits,
    )
    return b"".join((control, rectangle, table))
