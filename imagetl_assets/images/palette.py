"""Encode a picture as a GIF of one image, in at most 256 colours.

A picture that has no more colours than that keeps them. For others, a palette of 255 colours is
made, so that one index is left for transparency: a median cut of a sample of the pixels, refined by
k-means. That is closer to the picture than a median cut of all pixels, and takes a third of the
time. There is no dithering, because its dots change from frame to frame: they would be seen as
flicker, and compress badly.
"""

from __future__ import annotations

import io
from math import isqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import PIL.Image

_SAMPLE = 8192  # pixels
_SETTLED = 256  # k-means ends when at most so many pixels of the sample change their colour
_BAND = 1 << 20  # pixels


def encode(picture: PIL.Image.Image) -> bytes:
    """Return a GIF of the picture, exact if it has at most 256 colours with the transparent one.

    Pixels with an alpha below 128 become transparent, all others opaque.
    """
    flat = _flat(picture)
    colours = flat.getcolors(256)
    if colours is None:
        indexed, transparent = _adaptive(flat)
    else:
        indexed, transparent = _exact(flat, [colour for _, colour in colours])
    return write(indexed, transparent)


def write(indexed: PIL.Image.Image, transparent: int | None = None) -> bytes:
    """Return an image of mode P as a GIF, as it is."""
    out = io.BytesIO()
    options = {} if transparent is None else {"transparency": transparent}
    indexed.save(out, "GIF", optimize=False, interlace=0, **options)
    return out.getvalue()


def _flat(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Return the picture as RGB, or as RGBA where each pixel is opaque or (0, 0, 0, 0)."""
    from PIL import Image

    if picture.has_transparency_data:
        picture = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        alpha = picture.getchannel("A").point(lambda value: 255 if value >= 128 else 0)
        if alpha.getextrema() != (255, 255):
            flat = Image.new("RGBA", picture.size)
            flat.paste(picture, mask=alpha)
            flat.putalpha(alpha)
            return flat
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _exact(flat: PIL.Image.Image, colours: list[Any]) -> tuple[PIL.Image.Image, int | None]:
    """Return the picture with a palette of just these colours, and the transparent index."""
    import numpy as np
    from PIL import Image

    width, height = flat.size
    keys = np.sort([int.from_bytes(bytes((*c, 255)[:4]), "little") for c in colours]).astype("<u4")
    # In descending order, so that transparency, which is 0, gets the last index. An ascending order
    # would make a table of greys that decoders take for that of a picture without colours.
    last = len(keys) - 1
    indices = bytearray()
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        band = flat.crop((0, top, width, min(top + rows, height))).convert("RGBA")
        found = np.searchsorted(keys, np.frombuffer(band.tobytes(), "<u4"))
        indices += (last - found).astype(np.uint8).tobytes()
    indexed = Image.frombytes("P", flat.size, bytes(indices))
    indexed.putpalette(keys[::-1].tobytes(), "RGBX")
    return indexed, last if keys[0] == 0 else None


def _adaptive(flat: PIL.Image.Image) -> tuple[PIL.Image.Image, int | None]:
    """Return the picture in 255 colours; index 255 is the transparent one if there is any."""
    from PIL import Image

    best = _sample(flat).quantize(255, Image.Quantize.MEDIANCUT, kmeans=_SETTLED)
    colours = flat if flat.mode == "RGB" else flat.convert("RGB")
    indexed = colours.quantize(palette=best, dither=Image.Dither.NONE)
    if flat.mode == "RGB":
        return indexed, None
    indexed.paste(255, mask=flat.getchannel("A").point(lambda value: 255 - value))
    return indexed, 255


def _sample(flat: PIL.Image.Image) -> PIL.Image.Image:
    """Return opaque pixels from all over the picture, side by side."""
    import numpy as np
    from PIL import Image

    step = max(1, isqrt(flat.width * flat.height // _SAMPLE))
    size = -(-flat.width // step), -(-flat.height // step)
    for few in (flat.resize(size, Image.Resampling.NEAREST), flat):
        pixels = np.frombuffer(few.convert("RGBA").tobytes(), "<u4")
        if (opaque := pixels[pixels != 0]).size:
            break
    return Image.frombytes("RGBA", (opaque.size, 1), opaque.tobytes()).convert("RGB")
