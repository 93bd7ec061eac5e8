"""Decode the images of a GIF."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.gif import wuffs
from imagetl_assets.images.gif.blocks import SCREEN, SIGNATURES, image_bytes, image_head
from imagetl_assets.images.gif.layout import GifImage, GifLayout
from imagetl_assets.images.gif.parsing import parse
from imagetl_assets.images.time_limit import check_time

if TYPE_CHECKING:
    import PIL.Image


def check_pixels(data: bytes | memoryview, layout: GifLayout | None = None) -> None:
    """Decode every image and throw the pixels away.

    Raises:
        ImageError: image data that are damaged or hold fewer pixels than the image has.
    """
    for image in (layout or parse(data)).images:
        check_time()
        table, compressed = image_bytes(image, data)
        one = alone(image, table, compressed)
        if not wuffs.decodes(one, image.width * image.height, compressed[0]):
            _decoded(one, image)


def pixels(image: GifImage, table: bytes, data: bytes | memoryview) -> PIL.Image.Image:
    """Decode one image to its colour indices: a Pillow image of mode P or L, of the image's size.

    Args:
        image: says the size.
        table: its colour table, see `image_bytes`.
        data: its compressed data.

    Raises:
        ImageError: image data that are damaged or hold fewer pixels than the image has.
    """
    return _decoded(alone(image, table, data), image)


def alone(image: GifImage, table: bytes, data: bytes | memoryview) -> bytes:
    """Return a GIF of one image, which fills the screen.

    There is no trailer, so a decoder that wants more than the image's own data finds nothing.
    """
    moved = replace(image, left=0, top=0, transparent=-1)
    screen = SCREEN.pack(SIGNATURES[1], image.width, image.height, 0, 0, 0)
    return b"".join((screen, image_head(moved, table), data))


def _decoded(gif: bytes, image: GifImage) -> PIL.Image.Image:
    from PIL import Image

    try:
        picture = Image.open(io.BytesIO(gif), formats=["GIF"])
        picture.load()
    except Image.DecompressionBombError as error:
        raise ImageError(f"the image is too large: {error}", image.data_offset) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"the image data are damaged: {error}", image.data_offset) from error
    return picture
