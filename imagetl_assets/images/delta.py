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

_LEAST_KEPT = 0.1  # of all pixels


def delta(previous: bytes, current: bytes) -> bytes | None:
    """Return what has to be drawn over the last image of `previous` to show those of `current`.

    It holds one image for each of `current`, and shows the same pixels. Both are GIFs as `to_gif`
    returns them. Only a clip in which every image covers the whole screen can be made of deltas:
    one for which `gif.screen_size(layouts).clear` is false.

    None is returned, before anything is encoded, if so many pixels change that nothing is gained.

    Raises:
        ImageError: one of them cannot be decoded.
    """
    *_, before = decode.pictures(previous)
    before = before.convert("RGB")
    parts: list[tuple[gif.GifLayout, bytes]] = []
    for picture in decode.pictures(current):
        after = picture.convert("RGB")
        change = _change(before, after)
        if change is None:
            return None
        parts.append(change)
        before = after
    layouts = [layout for layout, _ in parts]
    out = io.BytesIO()
    gif.assemble(parts, out, screen=gif.screen_size(layouts, deltas=True), loop=None)
    return out.getvalue()


def _change(before: PIL.Image.Image, after: PIL.Image.Image) -> tuple[gif.GifLayout, bytes] | None:
    """Return the difference of two pictures as a GIF, and its layout in the whole picture."""
    from PIL import Image, ImageChops

    difference = ImageChops.difference(before, after)
    box = difference.getbbox() or (0, 0, 1, 1)
    red, green, blue = difference.crop(box).split()
    changed = ImageChops.lighter(ImageChops.lighter(red, green), blue).point(
        lambda v: 255 * (v > 0)
    )
    if _kept(changed, after) < _LEAST_KEPT * after.width * after.height:
        return None
    part = after.crop(box)
    masked = part.convert("RGBA")
    masked.putalpha(changed)
    masked = Image.composite(masked, Image.new("RGBA", part.size), changed)
    # If there are 256 colours, no index is left for transparency, and what has not changed is drawn
    # again.
    source = palette.encode(part if masked.getcolors(256) is None else masked)
    (image,) = gif.parse(source).images
    placed = image.placed(*box[:2])
    return gif.GifLayout(*after.size, (placed,)), source


def _kept(changed: PIL.Image.Image, after: PIL.Image.Image) -> int:
    """Return how many pixels need not be drawn, but for those between two that have to be.

    Single ones of these do not make the data shorter.
    """
    from PIL import ImageChops

    outside = after.width * after.height - changed.width * changed.height
    return outside + ImageChops.lighter(changed, ImageChops.offset(changed, 1, 0)).histogram()[0]
