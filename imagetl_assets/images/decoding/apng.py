"""The images of an animated PNG (APNG), composed as browsers do.

Strategy: each image becomes a PNG of its own, which is decoded as any other one, and is then drawn
on the canvas. Pillow can compose them, too, but not where a half transparent image is drawn over
another one, nor where the one before the last is to be restored.
Source: https://www.w3.org/TR/png-3/, sections 11.3.7 and 12.9 (the chunks acTL, fcTL and fdAT).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from imagetl_assets.images.decoding.png import SIGNATURE, chunks
from imagetl_assets.images.errors import ImageError

if TYPE_CHECKING:
    import PIL.Image

_TO_BACKGROUND, _TO_PREVIOUS = 1, 2
_OVER = 1

# Chunks that say what the pixels of all images mean.
_SHARED = {b"PLTE", b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"sBIT"}


class _Control(NamedTuple):
    """The chunk fcTL, which says how an image is shown."""

    width: int
    height: int
    left: int
    top: int
    delay: int
    delay_unit: int
    disposal: int
    blend: int

    @property
    def corner(self) -> tuple[int, int]:
        """Where the image ends on the canvas."""
        return self.left + self.width, self.top + self.height

    @property
    def duration_ms(self) -> float:
        """How long the image is shown."""
        return 1000 * self.delay / (self.delay_unit or 100)


def composed(
    data: bytes, decode: Callable[[bytes], PIL.Image.Image]
) -> Iterator[tuple[PIL.Image.Image, float]]:
    """Yield the images of an APNG as they are seen, and how long each is shown in milliseconds.

    Args:
        data: an animated PNG.
        decode: returns the picture of a PNG that is not animated.

    Raises:
        ImageError: its chunks make no sense.
    """
    from PIL import Image

    canvas: PIL.Image.Image | None = None
    for control, png in _images(data):
        size = struct.unpack_from(">II", data, 16)
        if control.corner[0] > size[0] or control.corner[1] > size[1]:
            raise ImageError("an image of the APNG is larger than all of it")
        rgba = decode(png).convert("RGBA")
        first = canvas is None
        canvas = canvas or Image.new("RGBA", size)
        shown = canvas.copy()
        if control.blend == _OVER:
            shown.alpha_composite(rgba, (control.left, control.top))
        else:
            shown.paste(rgba, (control.left, control.top))
        yield shown, control.duration_ms
        if control.disposal == _TO_BACKGROUND or (first and control.disposal == _TO_PREVIOUS):
            canvas = shown.copy()
            canvas.paste((0, 0, 0, 0), (control.left, control.top, *control.corner))
        elif control.disposal != _TO_PREVIOUS:
            canvas = shown


def _images(data: bytes) -> Iterator[tuple[_Control, bytes]]:
    """Yield how each image is shown, and the image as a PNG of its own."""
    shared: list[bytes] = []
    pixels: list[bytes] = []
    control: _Control | None = None
    header, number = b"", 0
    for kind, at, end in chunks(data):
        content = data[at + 8 : end - 4]
        if kind in (b"fcTL", b"fdAT"):
            if content[:4] != number.to_bytes(4, "big"):
                raise ImageError("the chunks of the APNG are not in order", at)
            number += 1
        if kind in (b"fcTL", b"IEND"):
            if control and pixels:
                yield control, _png(header, control, shared, pixels)
            pixels = []
            control = _control(content, at) if kind == b"fcTL" else None
        elif kind == b"IHDR":
            header = content
        elif control and kind in (b"IDAT", b"fdAT"):
            pixels.append(content if kind == b"IDAT" else content[4:])
        elif kind in _SHARED:
            shared.append(data[at:end])


def _control(content: bytes, at: int) -> _Control:
    if len(content) != 26:
        raise ImageError("a chunk of the APNG has an impossible length", at)
    return _Control(*struct.unpack(">IIIIHHBB", content[4:]))


def _png(header: bytes, control: _Control, shared: list[bytes], pixels: list[bytes]) -> bytes:
    size = struct.pack(">II", control.width, control.height)
    parts = [_chunk(b"IHDR", size + header[8:]), *shared]
    return b"".join([SIGNATURE, *parts, _chunk(b"IDAT", b"".join(pixels)), _chunk(b"IEND", b"")])


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = crc32(content, crc32(kind))
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", checksum)
