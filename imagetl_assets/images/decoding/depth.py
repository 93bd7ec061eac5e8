"""Pictures whose channels have 8 bits, and whose colours are not multiplied by alpha."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image

_BITS_PER_SAMPLE = 258
_ORIENTATION = 0x0112


def eight_bit(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Return a picture whose channels have 8 bits, and whose colours are not multiplied by alpha.

    Grey of 9 to 16 bits becomes the share of the highest value that it can have. In grey pictures
    of other kinds of numbers, the lowest and the highest value that occur become 0 and 255. What is
    no number (NaN) becomes 0, and what is infinite becomes 0 or 255.
    """
    from PIL import Image

    if picture.mode in ("La", "RGBa"):
        return like(picture, picture.convert(picture.mode.upper()))
    if not picture.mode.startswith(("I", "F")):
        return picture
    import numpy as np

    grey = np.array(picture, dtype=np.float32)
    if picture.mode.startswith("I;16"):
        low, high = 0.0, float(2 ** _bits(picture) - 1)
    else:
        finite = grey[np.isfinite(grey)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        del finite
    scale = 255 / (high - low) if high > low else 0.0
    np.nan_to_num(grey, copy=False, nan=low, posinf=high, neginf=low)
    grey -= low
    grey *= scale
    grey += 0.5
    np.clip(grey, 0, 255, out=grey)
    return like(picture, Image.fromarray(grey.astype(np.uint8)))


def like(picture: PIL.Image.Image, converted: PIL.Image.Image) -> PIL.Image.Image:
    """Return a converted picture with what is known of it, and its orientation."""
    converted.info = picture.info
    with suppress(Exception):  # EXIF data that cannot be read do not count
        converted.getexif()[_ORIENTATION] = picture.getexif().get(_ORIENTATION, 1)
    return converted


def _bits(picture: PIL.Image.Image) -> int:
    """Return how many bits a grey value has, which is 16 unless a TIFF tells another number."""
    tags = getattr(picture, "tag_v2", None) or {}
    (bits, *_) = tags.get(_BITS_PER_SAMPLE, (16,))
    return bits if 8 < bits <= 16 else 16
