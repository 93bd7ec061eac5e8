"""The size that users ask frames to be stored in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

if TYPE_CHECKING:
    import PIL.Image

# A GIF's width and height have 16 bits.
_MOST_PIXELS = 0xFFFF

_Side = Annotated[int, Meta(ge=1, le=_MOST_PIXELS)]
_BOX = re.compile(r"([0-9]+)x([0-9]+)(?: (fit|crop|pad))?")


class Box(Struct, frozen=True, array_like=True):
    """A box that pictures of any proportions are put into.

    Attributes:
        width: in pixels.
        height: in pixels.
        how: "fit" makes a picture as large as the box allows; "crop" fills the box, and cuts off
            what is beyond; "pad" fits it into the box, and fills the rest.
    """

    width: _Side
    height: _Side
    how: Literal["fit", "crop", "pad"] = "fit"


NewSize = int | float | Box
"""A width in pixels, a factor, or a box."""


def new_size(text: str) -> NewSize:
    """Return the size that a text asks for.

    >>> new_size("250"), new_size("50%"), new_size("320x240 crop")
    (250, 0.5, Box(width=320, height=240, how='crop'))

    Raises:
        ValueError: the text is none.
    """
    if box := _BOX.fullmatch(text):
        width, height = _side(box[1]), _side(box[2])
        return Box(width, height, box[3] or "fit")  # type: ignore[arg-type]
    number = text.removesuffix("%")
    if not (number.isascii() and number.isdecimal() and int(number)):
        raise ValueError(
            "must be a width in pixels such as 250, a percentage such as 50%, or a box such as "
            f"320x240, '320x240 crop' or '320x240 pad', not {text!r}"
        )
    return int(number) / 100 if text.endswith("%") else _side(number)


def scaled_size(resize: NewSize | None, width: int, height: int) -> tuple[int, int] | None:
    """Return the size in which a decoder may return a picture that is resized afterwards.

    That saves time. It is the size that the picture gets anyway, so that resizing it afterwards
    changes no pixel.

    >>> scaled_size(480, 1920, 1080), scaled_size(Box(320, 320), 1920, 1080)
    ((480, 270), (320, 180))

    Returns:
        Width and height; None if there is no such size, or if it would not be smaller.
    """
    if isinstance(resize, Box) and resize.how != "crop":
        factor = min(resize.width / width, resize.height / height)
        new_width, new_height = resize.width, resize.height
        if height * resize.width > width * resize.height:
            new_width = round(width / height * resize.height)
        else:
            new_height = round(height / width * resize.width)
    elif isinstance(resize, int):
        factor = resize / width
        new_width, new_height = resize, round(height * factor)
    else:
        return None
    return (max(1, new_width), max(1, new_height)) if factor < 1 else None


def in_box(picture: PIL.Image.Image, box: Box) -> PIL.Image.Image:
    """Return a picture, which is RGB or RGBA, as it is in a box."""
    from PIL import Image, ImageOps

    size = box.width, box.height
    if box.how == "crop":
        return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    if box.how == "pad":
        return ImageOps.pad(picture, size, Image.Resampling.LANCZOS)
    return ImageOps.contain(picture, size, Image.Resampling.LANCZOS)


def _side(text: str) -> int:
    number = int(text)
    if not number:
        raise ValueError("must be more than 0 pixels")
    if number > _MOST_PIXELS:
        raise ValueError(f"must be at most {_MOST_PIXELS:,} pixels, which a GIF can hold")
    return number
