"""HEIF and AVIF: ISO/IEC 23008-12, https://aomediacodec.github.io/av1-avif/.

The major brand tells the codec, with one exception: mif1 and msf1 may have any. `HEIF` stands for
them, and for HEVC, as in the photos of phones (HEIC).
"""

from __future__ import annotations

from imagetl_assets.images.image_formats.boxes import end_of_boxes
from imagetl_assets.images.image_formats.format import ImageFormat
from imagetl_assets.images.window import Window

_FIRST = (b"ftyp",)
_OTHERS = frozenset(
    b"meta mdat moov moof mfra idat free skip wide uuid pdin meco sidx styp jumb etyp mpvd".split()
)


def _end(window: Window, pos: int) -> int:
    return end_of_boxes(window, pos, _FIRST, _OTHERS)


AVIF = ImageFormat(rb"\0\0.{2}ftypavi[fs]", _end, feature="avif")

HEIF = ImageFormat(rb"\0\0.{2}ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)", _end, plugin="pillow_heif")
