"""Small pictures of frames: which frames, and how they are made small."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image


def spread(count: int, most: int) -> list[int]:
    """Return which of `count` frames to show: all, or `most` of them that are spread evenly."""
    shown = min(count, most)
    return [number * count // shown for number in range(shown)]


_FINER = 4
"""How many times as many pixels in a row as are wanted are looked at. More cannot be told apart."""


def shrunk(picture: PIL.Image.Image, scale: float) -> PIL.Image.Image:
    """Return the picture as RGB on white, made smaller if the scale is below 1."""
    from PIL import Image

    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    if scale * _FINER < 1:  # so that a large picture is not converted whole
        finer = size[0] * _FINER, size[1] * _FINER
        picture = picture.resize(finer, Image.Resampling.NEAREST)
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    if picture.mode != "RGB":
        picture = picture.convert("RGB")
    if scale >= 1 or size == picture.size:
        return picture
    return picture.resize(size, Image.Resampling.BOX)
