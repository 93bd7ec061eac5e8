"""A contact sheet: small pictures of some frames beside each other, with their numbers.

The name comes from photography, where a sheet of all negatives of a film shows what is on it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from imagetl_assets.images import decode

if TYPE_CHECKING:
    import PIL.Image

COLUMNS = 4
MOST_SHOWN = 2 * COLUMNS
_WIDTH, _HEIGHT = 120, 90  # of a small picture, in pixels
_TEXT = 14  # height of a line of text, in pixels
_GAP = 6
_QUALITY = 70


def contact_sheet(frames: Iterable[bytes], captions: Sequence[str]) -> bytes:
    """Return a JPEG with a small picture of each frame, and its caption below.

    Args:
        frames: GIFs. Of one with several images, the first is shown.
        captions: as many short texts, at most `MOST_SHOWN`.

    Raises:
        ImageError: a frame cannot be decoded.
    """
    from PIL import Image, ImageDraw, ImageFont

    columns, rows = min(COLUMNS, len(captions)), -(-len(captions) // COLUMNS)
    step = _WIDTH + _GAP, _HEIGHT + _TEXT + _GAP
    sheet = Image.new("RGB", (columns * step[0] + _GAP, rows * step[1] + _GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT - 4)
    for position, (frame, caption) in enumerate(zip(frames, captions, strict=True)):
        left = _GAP + position % columns * step[0]
        top = _GAP + position // columns * step[1]
        small = _small(frame)
        place = left + (_WIDTH - small.width) // 2, top + (_HEIGHT - small.height) // 2
        sheet.paste(small, place)
        draw.text((left + _WIDTH // 2, top + _HEIGHT + 1), caption, "black", font, anchor="ma")
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def spread(count: int, most: int = MOST_SHOWN) -> list[int]:
    """Return which of `count` frames to show: all, or some that are spread evenly."""
    shown = min(count, most)
    return [number * count // shown for number in range(shown)]


def _small(frame: bytes) -> PIL.Image.Image:
    """Return the first image of a GIF at the size of a small picture, on white."""
    from PIL import Image

    picture = next(iter(decode.pictures(frame)))
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    picture = picture.convert("RGB")
    picture.thumbnail((_WIDTH, _HEIGHT), Image.Resampling.BOX)
    return picture
