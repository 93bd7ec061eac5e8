"""Read the block structure of a GIF.

`walk` is the only reader of it (GIF89a specification, sections 15 to 27, and the grammar in
appendix B). To find where a GIF ends in a bundle, it is called without anything else; `parse` calls
it to keep what copying the images needs. Nothing is decoded.
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

_FULL_SUB_BLOCKS = b"\xff" * 64, b"\xff" * 8
"""The length bytes of so many sub-blocks of full length, which are 256 bytes apart."""


class _Control(NamedTuple):
    """What a graphic control extension says of the image after it."""

    transparent: int = -1
    delay: int = 0
    disposal: int = NO_DISPOSAL


_NO_CONTROL = _Control()


def parse(data: bytes | memoryview) -> GifLayout:
    """Return where the images of a GIF have their bytes.

    Bytes after the trailer are ignored, as decoders do.

    Raises:
        ImageError: this is not a complete GIF, with the offset where that was noticed.
    """
    images: list[GifImage] = []
    walk(Window.over(data), 0, images.append)
    width, height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    return GifLayout(width, height, tuple(images))


def walk(window: Window, pos: int, found: Callable[[GifImage], object] | None = None) -> int:
    """Check the block structure of the GIF at `pos` and return the position after its trailer.

    Args:
        window: over the file.
        pos: where the GIF begins in it.
        found: is called with each image, in order.

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
    while True:
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
        elif introducer == TRAILER:
            if not images:
                raise ImageError("the GIF has no image", at)
            return at + 1
        else:
            raise ImageError(f"no GIF block begins with the byte 0x{introducer:02x}", at)


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
    if not 1 <= window.byte(data) <= 8:
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
