"""Read the block structure of a GIF.

`walk` is the only reader of it (GIF89a specification, sections 15 to 27, and the grammar in
appendix B). To find where a GIF ends in a bundle, it is called without anything else; `parse` calls
it to keep what copying the images needs. Nothing is decoded.

Some GIFs break the rules of the format, and all viewers show them nevertheless. They are read, too,
but they must not be copied as they are, because strict readers refuse them; so `parse` tells how a
GIF breaks the rules. These are the ways:

- an image reaches beyond the screen, or the screen has no pixels (see `GifLayout.screen`);
- there is no colour table;
- the code size of an image is 9 to 11, where 8 is the most that the format allows;
- zero bytes are between two blocks;
- the trailer is missing: the data end after an image.

In the middle of a bundle, the last two cannot be told from a GIF that is cut short and goes on in
the next one. So `walk` reads them only if it is told that the GIF is all there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.gif.blocks import (
    CONTROL,
    CONTROL_LABEL,
    EXTENSION,
    IMAGE,
    IMAGE_SEPARATOR,
    SCREEN,
    SIGNATURES,
    TRAILER,
    table_length,
)
from imagetl_assets.images.gif.layout import NO_DISPOSAL, GifImage, GifLayout
from imagetl_assets.images.window import Window

_MOST_CODE_SIZE = 8
_MOST_CODE_SIZE_SHOWN = 11  # as no LZW code of a GIF has more than 12 bits

Found = Callable[[GifImage], object]
Broken = Callable[[str], object]

_FULL_SUB_BLOCKS = b"\xff" * 64, b"\xff" * 8
"""The length bytes of so many sub-blocks of full length, which are 256 bytes apart."""


class _Control(NamedTuple):
    """What a graphic control extension says of the image after it."""

    transparent: int = -1
    delay: int = 0
    disposal: int = NO_DISPOSAL


_NO_CONTROL = _Control()


def parse(data: bytes | memoryview, broken: Broken | None = None) -> GifLayout:
    """Return where the images of a GIF have their bytes.

    Bytes after the trailer are ignored, as decoders do.

    Args:
        data: the GIF.
        broken: is told of each rule of the format that the GIF breaks.

    Raises:
        ImageError: this is not a complete GIF, with the offset where that was noticed.
    """
    images: list[GifImage] = []
    walk(Window.over(data), 0, images.append, broken, alone=True)
    width, height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    if broken:
        _check_images(width, height, images, broken)
    return GifLayout(width, height, tuple(images))


def _check_images(width: int, height: int, images: list[GifImage], broken: Broken) -> None:
    """Tell which rules these images of a screen break."""
    if not (width and height):
        broken("the screen has no pixels")
    if any(image.left + image.width > width or image.top + image.height > height
           for image in images):  # fmt: skip
        broken("an image reaches beyond the screen")
    if not all(image.palette_length for image in images):
        broken("an image has no colour table")


def walk(
    window: Window,
    pos: int,
    found: Found | None = None,
    broken: Broken | None = None,
    *,
    alone: bool = False,
) -> int:
    """Check the block structure of the GIF at `pos` and return the position after its trailer.

    Args:
        window: over the file.
        pos: where the GIF begins in it.
        found: is called with each image, in order.
        broken: is told of each rule about blocks that the GIF breaks.
        alone: whether nothing but the GIF is in the file. Then it may lack its trailer, and have
            zero bytes between its blocks.

    The time is at most that of one step per sub-block (of at most 255 bytes), the memory is that of
    the window.

    Raises:
        ImageError: this is not a complete GIF, with the position where that was noticed.
    """
    signature, _, _, flags, _, _ = SCREEN.unpack(window.read(pos, SCREEN.size))
    if signature not in SIGNATURES:
        raise ImageError("this is not a GIF", pos)
    table = SCREEN.size, table_length(flags)
    at = pos + sum(table)
    window.index(at)
    images = 0
    control = _NO_CONTROL
    while not (alone and images and at == window.size):
        introducer = window.byte(at)
        if introducer == EXTENSION:
            if window.byte(at + 1) == CONTROL_LABEL:
                control = _control(window, at)
                at += CONTROL.size
            else:
                at = skip_sub_blocks(window, at + 2)
        elif introducer == IMAGE_SEPARATOR:
            image, at = _image(window, pos, at, table, control)
            images += 1
            control = _NO_CONTROL
            if found:
                found(image)
            if broken and window.byte(pos + image.data_offset) > _MOST_CODE_SIZE:
                broken("the code size is more than 8")
        elif introducer == 0 and alone:
            at = window.skip_zeros(at)
            if broken:
                broken("zero bytes are between two blocks")
        elif introducer == TRAILER:
            if not images:
                raise ImageError("the GIF has no image", at)
            return at + 1
        else:
            raise ImageError(f"no GIF block begins with the byte 0x{introducer:02x}", at)
    if broken:
        broken("the trailer is missing")
    return at


def _control(window: Window, at: int) -> _Control:
    _, flags, delay, index, end = CONTROL.unpack(window.read(at, CONTROL.size))
    if window.byte(at + 2) != 4 or end:
        raise ImageError("a graphic control extension has the wrong size", at)
    return _Control(index if flags & 1 else -1, delay, flags >> 2 & 7)


def _image(
    window: Window, pos: int, at: int, table: tuple[int, int], control: _Control
) -> tuple[GifImage, int]:
    """Return the image whose descriptor is at `at`, and the position after its data.

    `table` is the global colour table of the GIF at `pos`: offset from there, and length.
    """
    _, left, top, width, height, flags = IMAGE.unpack(window.read(at, IMAGE.size))
    if not (width and height):
        raise ImageError("an image has no pixels", at)
    if left + width > 0xFFFF or top + height > 0xFFFF:
        raise ImageError("an image reaches beyond 65,535 pixels", at)
    local = at - pos + IMAGE.size, table_length(flags)
    data = pos + sum(local)
    if not 1 <= window.byte(data) <= _MOST_CODE_SIZE_SHOWN:
        raise ImageError("the image data have an impossible code size", data)
    end = skip_sub_blocks(window, data + 1)
    used = local if local[1] else table if table[1] else (0, 0)
    interlaced = flags >> 6 & 1
    image = GifImage(
        left, top, width, height, interlaced, *used, *control, data - pos, end - data
    )  # fmt: skip
    return image, end


def skip_sub_blocks(window: Window, pos: int) -> int:
    """Return the position after the sub-blocks at `pos` and their terminator (sections 15, 16).

    Encoders make all sub-blocks but the last as long as can be, so many of those are skipped with
    one comparison.

    Raises:
        ImageError: the file ends before.
    """
    while True:
        i = window.index(pos)
        data = window.data
        for full in _FULL_SUB_BLOCKS:
            length = 256 * len(full)
            while data[i : i + length : 256] == full:
                i += length
        try:
            while size := data[i]:
                i += size + 1
        except IndexError:
            pos = window.start + i
        else:
            return window.start + i + 1
