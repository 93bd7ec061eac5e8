"""A picture as one GIF image: its own colours where 256 will do, else the best palette for it.

The adaptive palette is a median cut refined by k-means, made from a sample of the pixels: as good
as one made from all of them, and several times faster. It has 255 colours, so that an index is
left for transparency. There is no dithering: from frame to frame its dots change, which is seen as
flicker, and they compress badly.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image

_SAMPLE = 16_384  # pixels


def encode(picture: PIL.Image.Image) -> bytes:
    """Return a GIF of the picture, exact if it has at most 256 colours with the transparent one.

    Pixels with an alpha below 128 become transparent, all others opaque.
    """
    import numpy as np
    from PIL import Image

    rgba = np.frombuffer(picture.convert("RGBA").tobytes(), "<u4")
    opaque = rgba >= 0x80000000
    pixels = np.where(opaque, rgba | 0xFF000000, 0).astype("<u4")
    transparent: int | None = None
    solid = Image.frombytes("RGBA", picture.size, pixels.tobytes())
    colours = solid.getcolors(256)
    if colours is not None:
        keys = np.sort(np.fromiter((_key(colour) for _, colour in colours), "<u4"))
        # Descending: transparency, which is 0, gets the last index, and greys are no ramp that
        # decoders take for a picture without colours.
        last = len(keys) - 1
        indices = (last - np.searchsorted(keys, pixels)).astype(np.uint8)
        table = keys[::-1].copy().view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
        transparent = last if keys[0] == 0 else None
    else:
        visible = pixels[opaque]
        sample = visible[:: visible.size // _SAMPLE | 1]
        few = Image.frombytes("RGBA", (sample.size, 1), sample.tobytes()).convert("RGB")
        best = few.quantize(255, Image.Quantize.MEDIANCUT, kmeans=1)
        mapped = solid.convert("RGB").quantize(palette=best, dither=Image.Dither.NONE)
        indices = np.frombuffer(mapped.tobytes(), np.uint8)
        table = bytes(best.getpalette() or ())[: 3 * 255]
        if not opaque.all():
            transparent = 255
            indices = np.where(opaque, indices, 255).astype(np.uint8)
    return write(picture.size, indices.tobytes(), table, transparent)


def write(size: tuple[int, int], indices: bytes, table: bytes, transparent: int | None) -> bytes:
    """Return a GIF of these colour indices, one byte for each pixel."""
    from PIL import Image

    picture = Image.frombytes("P", size, indices)
    picture.putpalette(table)
    out = io.BytesIO()
    options = {} if transparent is None else {"transparency": transparent}
    picture.save(out, "GIF", optimize=False, interlace=0, **options)
    return out.getvalue()


def _key(colour: object) -> int:
    """Return a colour as the number that its four bytes are."""
    assert isinstance(colour, tuple)
    return int.from_bytes(bytes(colour), "little")
