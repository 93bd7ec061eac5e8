"""Convert a picture of any supported format into a GIF, as is done with each frame that is stored.

Strategy: `decode` returns the images of a picture, `palette` chooses their colours, and `gif` joins
them if there are several. Each image of an animation is converted as a whole: none needs the one
before it. A GIF of a single image is returned as it is, without decoding it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagetl_assets.images import decode, gif, palette
from imagetl_assets.images.decoding.limits import ANIMATION, MAX_PIXELS, check_size, check_total
from imagetl_assets.images.dither import Dither
from imagetl_assets.images.edit import AS_IT_IS, NO_INFO, Edit, FrameInfo

if TYPE_CHECKING:
    import PIL.Image

_UNKNOWN_MS = 100.0  # for each image of an animation whose format tells no time


def to_gif(
    data: bytes | PIL.Image.Image,
    *,
    max_pixels: int = MAX_PIXELS,
    edit: Edit = AS_IT_IS,
    frame: FrameInfo = NO_INFO,
    dither: Dither = Dither.none,
) -> bytes:
    """Return the picture as one GIF, with all of its images in order if it is animated.

    Args:
        data: an encoded picture in one of `image_formats.FORMATS`. Or one that is decoded.
        max_pixels: the limit for one image; all images of an animation may have 4 times as many.
        edit: what is done to each picture before.
        frame: what is known of the frame, for the edit.
        dither: how colours are shown that are not in the palette of a picture.

    Colours are exact where an image has at most 256 (transparency counts as one); otherwise they
    are reduced to the best 255. Alpha below 128 becomes transparent. The EXIF
    orientation is applied. The images of an animation keep their times, see `gif.in_gif`.

    Nothing is decoded, and the same bytes are returned, if `data` is a GIF of one image, or of
    images that each cover the whole screen, which breaks no rule of the format (see `gif.parsing`),
    and there is no edit.

    Raises:
        ImageError: damaged data, an unknown format, or more pixels than allowed.
        ResizeError: more pixels than allowed, once it has the size that is asked for.
        EditError: the edit cannot be made, whatever the picture.
    """
    if not isinstance(data, bytes):
        return palette.encode(edit.apply(data, frame, max_pixels), dither)
    if data.startswith(gif.SIGNATURES):
        broken: list[str] = []
        layout = gif.parse(data, broken.append)
        width, height = layout.screen
        check_size(width, height, max_pixels)
        check_total(width * height * len(layout.images), ANIMATION * max_pixels)
        as_it_is = len(layout.images) == 1 or not gif.screen_size([layout]).clear
        if as_it_is and not (edit or broken):
            return data
    encoded: list[bytes] = []
    durations: list[float] = []
    for picture, duration in decode.timed_pictures(data, max_pixels):
        encoded.append(palette.encode(edit.apply(picture, frame, max_pixels), dither))
        durations.append(_UNKNOWN_MS if duration is None else gif.in_gif(duration))
    if len(encoded) == 1:
        return encoded[0]
    return join(encoded, duration_ms=durations)


def join(
    frames: list[bytes],
    *,
    duration_ms: float | Sequence[float] = _UNKNOWN_MS,
    loop: int | None = 0,
) -> bytes:
    """Return one animation of a few GIFs that are in memory. Raises ImageError as `assemble`."""
    layouts = [gif.parse(frame) for frame in frames]
    out = io.BytesIO()
    gif.assemble(
        zip(layouts, frames, strict=True),
        out,
        screen=gif.screen_size(layouts),
        duration_ms=duration_ms,
        loop=loop,
    )
    return out.getvalue()
