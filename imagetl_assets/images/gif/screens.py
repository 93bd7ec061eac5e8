"""The screen that an animation needs, and which images it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from imagetl_assets.images.gif.layout import GifLayout


class Screen(NamedTuple):
    """The logical screen of an animation.

    Attributes:
        width: in pixels.
        height: in pixels.
        clear: whether each image has to be taken off the screen before the next one is shown. That
            is so unless every image covers all of the screen with opaque pixels.
    """

    width: int
    height: int
    clear: bool = True


def screen_size(layouts: Iterable[GifLayout], *, deltas: bool = False) -> Screen:
    """Return the smallest screen that shows all of these, as `assemble` needs it.

    Args:
        layouts: of all GIFs of the animation.
        deltas: whether each image is to be drawn over the one before (see `delta.delta`).
    """
    width = height = 0
    right = bottom = 0xFFFF
    opaque = True
    for layout in layouts:
        width, height = max(width, layout.width), max(height, layout.height)
        for image in layout.images:
            across, down = image.corner
            width, height = max(width, across), max(height, down)
            right, bottom = min(right, across), min(bottom, down)
            opaque = opaque and image.covers(across, down)
    covered = opaque and (right, bottom) == (width, height)
    return Screen(width, height, clear=not (covered or deltas))


def every_nth(layouts: Iterable[GifLayout], n: int) -> Iterator[GifLayout]:
    """Keep only every n-th image, counted over all layouts; a layout may keep none of its own.

    Raises:
        ValueError: `n` is below 1.
    """
    if n < 1:
        raise ValueError(f"every must be at least 1, not {n}")
    seen = 0
    for layout in layouts:
        kept = layout.images[-seen % n :: n]
        seen += len(layout.images)
        yield GifLayout(layout.width, layout.height, kept)
