"""The difference of a frame from the one before: only what has changed.

Strategy: a difference depends on two frames only, so differences are made on the workers, frame by
frame. The difference is a GIF of the smallest rectangle that holds all changes, and is transparent
where nothing has changed. `gif.assemble` draws it over the frame before (see the argument `deltas`
of `gif.screen_size`).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from imagetl_assets.images import decode, gif, palette

if TYPE_CHECKING:
    import PIL.Image


def delta(previous: bytes, current: bytes) -> bytes:
    """Return what has to be drawn over the last image of `previous` to show those of `current`.

    It holds one image for each of `current`, and shows the same pixels. Both are GIFs as `to_gif`
    returns them. Only a clip in which every image covers the whole screen can be made of deltas:
    one for which `gif.screen_size(layouts).clear` is false.

    Raises:
        ImageError: one of them cannot be decoded.
    """
    *_, before = decode.pictures(previous)
    parts: list[tuple[gif.GifLayout, bytes]] = []
    for picture in decode.pictures(current):
        parts.append(_change(before.convert("RGB"), after := picture.convert("RGB")))
        before = after
    layouts = [layout for layout, _ in parts]
    out = io.BytesIO()
    gif.assemble(parts, out, screen=gif.screen_size(layouts, deltas=True), loop=None)
    return out.getvalue()


def _change(before: PIL.Image.Image, after: PIL.Image.Image) -> tuple[gif.GifLayout, bytes]:
    """Return the difference of two pictures as a GIF, and its layout in the whole picture."""
    from PIL import Image, ImageChops

    difference = ImageChops.difference(before, after)
    box = difference.getbbox() or (0, 0, 1, 1)
    red, green, blue = difference.crop(box).split()
    changed = ImageChops.lighter(ImageChops.lighter(red, green), blue).point(
        lambda v: 255 * (v > 0)
    )
    part = after.crop(box)
    masked = part.copy()
    masked.putalpha(changed)
    masked = Image.composite(masked, Image.new("RGBA", part.size), changed)
    # If there are 256 colours, no index is left for transparency, and what has not changed is drawn
    # again.
    source = palette.encode(part if masked.getcolors(256) is None else masked)
    (image,) = gif.parse(source).images
    placed = image.placed(*box[:2])
    return gif.GifLayout(*after.size, (placed,)), source
