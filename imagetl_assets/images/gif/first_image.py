"""The first image of an animation: some decoders let it decide how they show all the others.

Pillow, for one, gives an animation an alpha channel only if its first image has a transparent
index, and colours only if its first colour table is not the plain ramp of greys. A first image that
lacks what the animation needs gets it here and keeps its pixels: an index that no pixel uses
becomes the transparent one, and the colour at that index, which is never shown, is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from imagetl_assets.images import palette
from imagetl_assets.images.gif.blocks import GREYS, image_bytes
from imagetl_assets.images.gif.layout import GifImage
from imagetl_assets.images.gif.parsing import parse
from imagetl_assets.images.gif.pixels import pixels

if TYPE_CHECKING:
    import PIL.Image


def prepare(
    image: GifImage, table: bytes, data: bytes | memoryview, *, clear: bool
) -> tuple[GifImage, bytes, bytes | memoryview]:
    """Return the image, its colour table and data, made fit to begin an animation.

    Args:
        image: the first one.
        table: its colour table.
        data: its compressed data.
        clear: whether the animation needs transparency, see `Screen.clear`.

    An image that shows 256 colours has no index to spare. It is returned without a transparent one,
    as changing one of its colours would be worse.
    """
    ramp = GREYS.startswith(table)
    if not (ramp or (clear and image.transparent < 0)):
        return image, table, data
    free = image.transparent if image.transparent >= 0 else 1 << data[0]
    if free > 0xFF:
        decoded = pixels(image, table, data)
        unused = [index for index, count in enumerate(decoded.histogram()) if not count]
        if not unused:
            distinct = {table[i : i + 3] for i in range(0, len(table), 3)}
            if len(distinct) == 256 and not ramp:
                return image, table, data
            return prepare(*_recoded(image, decoded, table), clear=clear)
        free = unused[-1]
    if 3 * free >= len(table):
        table = table.ljust(3 << free.bit_length(), b"\0")
    colour = b"\xff\0\0" if ramp else table[3 * free : 3 * free + 3]
    table = table[: 3 * free] + colour + table[3 * free + 3 :]
    return replace(image, transparent=free if clear else image.transparent), table, data


def _recoded(
    image: GifImage, decoded: PIL.Image.Image, table: bytes
) -> tuple[GifImage, bytes, bytes | memoryview]:
    """Return an image of the same pixels that has each colour once, and not as a ramp of greys."""
    decoded.putpalette(table)
    source = palette.encode(decoded)
    (recoded,) = parse(source).images
    shown = replace(recoded, left=image.left, top=image.top, transparent=image.transparent)
    return shown, *image_bytes(recoded, source)
