"""The formats of encoded images: one file for each, and one line for it in `FORMATS`.

Strategy: the first bytes of an image tell its format. Each format has a function that walks the
headers from the start of an image and returns the position after its last byte. No pixel is
decoded, and what can be jumped over is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from imagetl_assets.images import gif
from imagetl_assets.images.image_formats.bmp import BMP
from imagetl_assets.images.image_formats.format import SNIFFED, ImageFormat
from imagetl_assets.images.image_formats.heif import AVIF, HEIF
from imagetl_assets.images.image_formats.jpeg import JPEG
from imagetl_assets.images.image_formats.jpeg_2000 import JPEG2000
from imagetl_assets.images.image_formats.jpeg_xl import JXL
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
    "AVIF": AVIF,
    "HEIF": HEIF,
    "JPEG2000": JPEG2000,
    "JXL": JXL,
}
"""All formats that a bundle may hold, by the names that Pillow has for them."""


def _any_of(signatures: Iterable[tuple[str, bytes]]) -> re.Pattern[bytes]:
    groups = (b"(?P<%s>%s)" % (name.encode(), signature) for name, signature in signatures)
    return re.compile(b"|".join(groups), re.DOTALL)


SIGNATURE = _any_of((name, one.searched_for or one.signature) for name, one in FORMATS.items())
"""Matches where an image of any format begins, anywhere in a file.

The group that matches has the format's name.
"""

_EXPECTED = _any_of((name, one.signature) for name, one in FORMATS.items())


def sniff(head: bytes) -> str | None:
    """Return the format of an image by its first `SNIFFED` bytes, or None if it is not known."""
    match = _EXPECTED.match(head)
    return match.lastgroup if match else None
