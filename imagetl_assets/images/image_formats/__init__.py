"""The formats of encoded images: one file for each, and one line for it in `FORMATS`.

Strategy: the first bytes of an image tell its format. Each format has a function that walks the
headers from the start of an image and returns the position after its last byte. No pixel is
decoded, and what can be jumped over is not read.
"""

from __future__ import annotations

import re

from imagetl_assets.images import gif
from imagetl_assets.images.image_formats.bmp import BMP
from imagetl_assets.images.image_formats.format import SNIFFED, ImageFormat
from imagetl_assets.images.image_formats.jpeg import JPEG
from imagetl_assets.images.image_formats.png import PNG
from imagetl_assets.images.image_formats.tiff import TIFF
from imagetl_assets.images.image_formats.webp import WEBP

__all__ = ["FORMATS", "SIGNATURE", "SNIFFED", "ImageFormat", "sniff"]

FORMATS: dict[str, ImageFormat] = {
    "GIF": ImageFormat(rb"GIF8[79]a", gif.walk),
    "PNG": PNG,
    "JPEG": JPEG,
    "WEBP": WEBP,
    "BMP": BMP,
    "TIFF": TIFF,
}
"""All formats that a bundle may hold, by the names that Pillow has for them."""

SIGNATURE = re.compile(
    b"|".join(b"(?P<%s>%s)" % (name.encode(), f.signature) for name, f in FORMATS.items()),
    re.DOTALL,
)
"""Matches where an image of any format begins. The group that matches has the format's name."""


def sniff(head: bytes) -> str | None:
    """Return the format of an image by its first `SNIFFED` bytes, or None if it is not known."""
    match = SIGNATURE.match(head)
    return match.lastgroup if match else None
