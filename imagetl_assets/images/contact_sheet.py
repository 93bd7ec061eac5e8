"""A contact sheet: small pictures of some frames beside each other, with their numbers.

The name comes from photography, where a sheet of all negatives of a film shows what is on it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from imagetl_assets.images import decode
from imagetl_assets.images.thumbnails import shrunk

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
        picture = next(iter(decode.pictures(frame)))
        small = shrunk(picture, min(_WIDTH / picture.width, _HEIGHT / picture.height))
        place = left + (_WIDTH - small.width) // 2, top + (_HEIGHT - small.height) // 2
        sheet.paste(small, place)
        draw.text((left + _WIDTH // 2, top + _HEIGHT + 1), caption, "black", font, anchor="ma")
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
