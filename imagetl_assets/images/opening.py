"""The first image of a clip: some decoders let it decide how they see all the others.

Pillow, for one, gives a clip an alpha channel only if its first image has a transparent index, and
colours only if its first colour table is not the plain ramp of greys. So a first image that lacks
what the clip needs gets it here, with the same pixels: an index that no pixel uses is made the
transparent one, and its entry, which nobody sees, some other colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagetl_assets.images import gif, palette
from imagetl_assets.images.gif import GREY, GifImage

if TYPE_CHECKING:
    import PIL.Image


def prepare(
    image: GifImage, table: bytes, data: bytes | memoryview, *, clear: bool
) -> tuple[GifImage, bytes, bytes | memoryview]:
    """Return the image, its colour table and data, made fit to open a clip.

    `clear` says that the clip needs transparency. An image that shows 256 colours has no index to
    spare: it is returned without one, as changing a colour would be worse.
    """
    ramp = GREY.startswith(table)
    if not (ramp or (clear and image.transparent < 0)):
        return image, table, data
    free = image.transparent if image.transparent >= 0 else 1 << data[0]
    if free > 0xFF:
        pixels = gif.pixels(image, table, data)
        unused = [index for index, count in enumerate(pixels.histogram()) if not count]
        if not unused:
            distinct = {table[i : i + 3] for i in range(0, len(table), 3)}
            if len(distinct) == 256 and not ramp:
                return image, table, data
            return prepare(*_recoded(image, pixels, table), clear=clear)
        free = unused[-1]
    if 3 * free >= len(table):
        table = table.ljust(3 << free.bit_length(), b"\0")
    colour = b"\xff\0\0" if ramp else table[3 * free : 3 * free + 3]
    table = table[: 3 * free] + colour + table[3 * free + 3 :]
    return image._replace(transparent=free if clear else image.transparent), table, data


def _recoded(
    image: GifImage, pixels: PIL.Image.Image, table: bytes
) -> tuple[GifImage, bytes, bytes | memoryview]:
    """Return an image of the same pixels that has each colour once, and not as a ramp of greys."""
    pixels.putpalette(table)
    source = palette.encode(pixels)
    (recoded,) = gif.parse(source).images
    shown = recoded._replace(left=image.left, top=image.top, transparent=image.transparent)
    return shown, *gif.ranges(recoded, source)
