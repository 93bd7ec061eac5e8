"""GIF without decoding it: take a GIF apart into ranges, and join ranges into one animation.

Strategy: the compressed image data of a GIF do not depend on what is around them. With its colour
table and its rectangle, an image can be moved into another GIF byte for byte, so an animation is
made at the speed of copying.

- `layout`: the types that say where each image of a GIF has its bytes, and how it is shown.
- `blocks`: the binary layout of the blocks of a GIF, for reading and for writing.
- `parsing`: read the block structure.
- `pixels`: decode images, which is left to Pillow.
- `wuffs`: look faster than Pillow whether the data of an image are whole.
- `screens`: the screen that an animation needs, and which of its images are taken.
- `timing`: for how long images are shown.
- `assembling`: write an animation.
- `first_image`: what the first image of an animation needs for decoders to show all others.

Source of the format: the GIF89a specification, https://www.w3.org/Graphics/GIF/spec-gif89a.txt.
"""

from imagetl_assets.images.gif.assembling import (
    ClipInfo,
    Writable,
    assemble,
)
from imagetl_assets.images.gif.blocks import GREYS, SIGNATURES, image_bytes
from imagetl_assets.images.gif.layout import (
    KEEP,
    NO_DISPOSAL,
    TO_BACKGROUND,
    TO_PREVIOUS,
    GifImage,
    GifLayout,
)
from imagetl_assets.images.gif.parsing import parse, walk
from imagetl_assets.images.gif.pixels import check_pixels, pixels
from imagetl_assets.images.gif.screens import Screen, every_nth, screen_size
from imagetl_assets.images.gif.timing import (
    LONGEST_MS,
    SHORTEST_MS,
    as_browsers,
    frame_duration,
    hundredths,
    in_gif,
)

__all__ = [
    "GREYS",
    "KEEP",
    "LONGEST_MS",
    "NO_DISPOSAL",
    "SHORTEST_MS",
    "SIGNATURES",
    "TO_BACKGROUND",
    "TO_PREVIOUS",
    "ClipInfo",
    "GifImage",
    "GifLayout",
    "Screen",
    "Writable",
    "as_browsers",
    "assemble",
    "check_pixels",
    "every_nth",
    "frame_duration",
    "hundredths",
    "image_bytes",
    "in_gif",
    "parse",
    "pixels",
    "screen_size",
    "walk",
]
