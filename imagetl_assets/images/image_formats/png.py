"""PNG: https://www.w3.org/TR/png-3/."""

from __future__ import annotations

from struct import unpack

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.image_formats.format import ImageFormat
from imagetl_assets.images.window import Window

_SIGNATURE_LENGTH = 8


def _end(window: Window, pos: int) -> int:
    """Follow the chunks to IEND (section 5.3)."""
    at = pos + _SIGNATURE_LENGTH
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


PNG = ImageFormat(rb"\x89PNG\r\n\x1a\n", _end)
