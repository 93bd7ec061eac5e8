"""The limits for the sizes of pictures."""

from __future__ import annotations

from imagetl_assets.images.errors import ImageError

MAX_PIXELS = 64_000_000
"""Default limit for one picture.

Converting one of that size takes up to 0.95 GB beside its encoded bytes; 1.2 GB if it is resized,
or a JPEG 2000, of which OpenJPEG keeps each number in four bytes.
"""

ANIMATION = 4
"""All images of an animation together may have this many times the pixels of one picture.

Each of them counts with all pixels of the animation, however few it changes: so many are composed
and converted for it. A frame of the most pixels that are allowed takes about ten seconds.
"""


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise ImageError if a picture of this size has too many pixels, or too many for a GIF."""
    if width * height > max_pixels:
        raise ImageError(f"{width} x {height} pixels are more than the {max_pixels:,} allowed")
    if max(width, height) > 0xFFFF:
        raise ImageError(f"{width} x {height} pixels are more than a GIF can hold")


def check_total(pixels: int, max_together: int | None) -> None:
    """Raise ImageError if the images of an animation have too many pixels together."""
    if max_together is not None and pixels > max_together:
        raise ImageError(f"the animation has more than {max_together:,} pixels")
