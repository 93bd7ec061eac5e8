"""Encode a picture as a GIF of one image, in at most 256 colours.

A picture that has no more colours than that keeps them. Others are reduced to 255 colours
(`quantize`), so that one index is left for transparency. There is no dithering unless it is asked
for, because its dots change from frame to frame: they are seen as flicker, and compress badly.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from imagetl_assets.images import quantize
from imagetl_assets.images.dither import Dither, dithered

if TYPE_CHECKING:
    import PIL.Image

_COLOURS = 255
_BAND = 1 << 18  # pixels


def encode(picture: PIL.Image.Image, dither: Dither = Dither.none) -> bytes:
    """Return a GIF of the picture, exact if it has at most 256 colours with the transparent one.

    Pixels with an alpha below 128 become transparent, all others opaque.
    """
    flat = _flat(picture)
    colours = flat.getcolors(256)
    if colours is None:
        indexed, transparent = _adaptive(flat, dither)
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

    keys = np.sort([int.from_bytes(bytes((*c, 255)[:4]), "little") for c in colours]).astype("<u4")
    # In descending order, so that transparency, which is 0, gets the last index. An ascending order
    # would make a table of greys that decoders take for that of a picture without colours.
    last = len(keys) - 1
    indices = bytearray()
    for pixels in _bands(flat):
        found = np.searchsorted(keys, pixels)
        indices += (last - found).astype(np.uint8).tobytes()
    indexed = Image.frombytes("P", flat.size, bytes(indices))
    indexed.putpalette(keys[::-1].tobytes(), "RGBX")
    return indexed, last if keys[0] == 0 else None


def _adaptive(flat: PIL.Image.Image, dither: Dither) -> tuple[PIL.Image.Image, int | None]:
    """Return the picture in 255 colours; index 255 is the transparent one if there is any."""
    import numpy as np
    from PIL import Image

    result = quantize.reduced(
        lambda: (pixels.view(np.uint8).reshape(-1, 4) for pixels in _bands(flat)),
        _COLOURS,
    )
    indexed = Image.frombytes("P", flat.size, b"".join(result.indices))
    indexed.putpalette(result.palette.tobytes())
    if dither is not Dither.none:
        colours = flat.convert("RGB")
        if flat.mode == "RGB":
            return dithered(colours, indexed, dither), None
        transparent = flat.getchannel("A").point(lambda value: 255 - value)
        # There, a colour that needs no dots, as they would spread.
        colours.paste(tuple(result.palette[0].tolist()), mask=transparent)
        indexed = dithered(colours, indexed, dither)
        indexed.paste(_COLOURS, mask=transparent)
    return indexed, None if flat.mode == "RGB" else _COLOURS


def _bands(flat: PIL.Image.Image) -> Iterator[Any]:
    """Yield the pixels of the picture as numbers, 0 for transparent ones, some rows at a time."""
    import numpy as np

    rows = max(1, _BAND // flat.width)
    for top in range(0, flat.height, rows):
        band = flat.crop((0, top, flat.width, min(top + rows, flat.height))).convert("RGBA")
        yield np.frombuffer(band.tobytes(), "<u4")
