"""Dithering: dots of colours that are in the palette, for colours that are not."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import PIL.Image

_SIDE = 8  # pixels
_ROUNDING = 2  # as Pillow rounds channels down to multiples of 4 to look colours up


class Dither(Enum):
    """How colours that are not in the palette are shown.

    Attributes:
        none: by the nearest one. Frames of a film do not flicker, and compress best.
        bayer: by a regular pattern of two colours, which stays where it is from frame to frame.
        floyd_steinberg: by dots that spread the error of each pixel over its neighbours.
    """

    none = "none"
    bayer = "bayer"
    floyd_steinberg = "floyd_steinberg"


def dithered(picture: PIL.Image.Image, plain: PIL.Image.Image, dither: Dither) -> PIL.Image.Image:
    """Return an RGB picture with the palette of `plain`, which is of mode P, dithered."""
    from PIL import Image

    if dither is Dither.bayer:
        picture = _with_pattern(picture, _spacing(plain))
        return picture.quantize(palette=plain, dither=Image.Dither.NONE)
    return picture.quantize(palette=plain, dither=Image.Dither.FLOYDSTEINBERG)


def bayer() -> Any:
    """Return the thresholds of a square of 8 x 8 pixels, above 0 and below 1.

    Source: Bayer, "An optimum method for two-level rendition of continuous-tone pictures", 1973.
    """
    import numpy as np

    matrix = np.zeros((1, 1))
    while len(matrix) < _SIDE:
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return (matrix + 0.5) / matrix.size


def _with_pattern(picture: PIL.Image.Image, spacing: float) -> PIL.Image.Image:
    """Return the picture with a pattern added whose height is the spacing of colours."""
    import numpy as np
    from PIL import Image

    pattern = np.rint((bayer() - 0.5) * spacing).astype(np.int16) + _ROUNDING
    pattern = np.tile(pattern, (1, -(-picture.width // _SIDE)))[:, : picture.width, None]
    made = Image.new("RGB", picture.size)
    for top in range(0, picture.height, _SIDE):
        rows = picture.crop((0, top, picture.width, min(top + _SIDE, picture.height)))
        shifted = np.asarray(rows, np.int16) + pattern[: rows.height]
        made.paste(Image.fromarray(shifted.clip(0, 255).astype(np.uint8)), (0, top))
    return made


def _spacing(plain: PIL.Image.Image) -> float:
    """Return how far a channel of a colour usually is from that of the next one in a palette."""
    import numpy as np

    palette = np.array(plain.getpalette("RGB"), np.float32).reshape(-1, 3)
    palette = np.unique(palette, axis=0)
    squares = ((palette[:, None] - palette) ** 2).sum(2)
    np.fill_diagonal(squares, np.inf)
    return float(np.sqrt(np.median(squares.min(1)) / 3))
