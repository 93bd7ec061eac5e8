"""Encode a picture as a GIF of one image, in at most 256 colours.

A picture that has no more colours than that keeps them. For others, a palette of 255 colours is
made, so that one index is left for transparency: a median cut of a sample of the pixels, refined by
k-means. That is closer to the picture than a median cut of all pixels, and takes a third of the
time. There is no dithering, because its dots change from frame to frame: they would be seen as
flicker, and compress badly.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import PIL.Image

_SAMPLE = 8192  # pixels
_SETTLED = 256  # k-means ends when at most so many pixels of the sample change their colour
_BAND = 1 << 20  # pixels
_SHADES = 1 << 12  # colours that differ in the first four bits of a channel
_SEEN = 32  # pixels of a colour, anywhere in the picture, that people see
_FEW = 4  # pixels of a colour in the sample, which may be lost in the palette
_ALIKE = 40  # distance of two colours in RGB that look alike
_MOST_ADDED = 16  # colours


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


def _adaptive(flat: PIL.Image.Image) -> tuple[PIL.Image.Image, int | None]:
    """Return the picture in 255 colours; index 255 is the transparent one if there is any."""
    from PIL import Image

    sample, rare = _sample(flat)
    best = sample.quantize(255, Image.Quantize.MEDIANCUT, kmeans=_SETTLED)
    _add(best, rare)
    colours = flat if flat.mode == "RGB" else flat.convert("RGB")
    indexed = colours.quantize(palette=best, dither=Image.Dither.NONE)
    if flat.mode == "RGB":
        return indexed, None
    indexed.paste(255, mask=flat.getchannel("A").point(lambda value: 255 - value))
    return indexed, 255


def _add(best: PIL.Image.Image, rare: Any) -> None:
    """Give colours a place in the palette of an image, instead of those that it needs least.

    Args:
        best: image of mode P.
        rare: colours (n, 3). Those that have one like them in the palette are passed over.
    """
    import numpy as np

    if not len(rare):
        return
    palette = np.array(best.getpalette("RGB"), np.int64).reshape(-1, 3)
    distances = np.array([((palette - colour) ** 2).sum(1).min() for colour in rare])
    farthest = rare[np.argsort(-distances, kind="stable")][:_MOST_ADDED]
    least_used: list[Any] = [index for _, index in sorted(best.getcolors(256) or [])]
    for colour in farthest:
        if ((palette - colour) ** 2).sum(1).min() > _ALIKE**2:
            palette[least_used.pop(0)] = colour
    best.putpalette(palette.astype(np.uint8).tobytes(), "RGB")


def _sample(flat: PIL.Image.Image) -> tuple[PIL.Image.Image, Any]:
    """Return opaque pixels from all over the picture, side by side, that stand for all of them.

    They are taken at random places, always the same for a size, as a regular pattern of places may
    miss what is regular in the picture. A colour that is much rarer there than in the picture is
    added. Colours of which there is too little to count in the sample, but enough to be seen, such
    as that of a small mark, are returned beside it (n, 3).

    For that, colours count as one if they differ in the last four bits of each channel only.
    """
    import numpy as np
    from PIL import Image

    total = flat.width * flat.height
    places = np.sort(np.random.default_rng(0).integers(0, total, _SAMPLE))
    if total <= _SAMPLE:
        places = np.arange(total)
    taken, counts = [], np.zeros(_SHADES, np.int64)
    first = 0
    for pixels in _bands(flat):
        inside = places[(first <= places) & (places < first + pixels.size)] - first
        taken.append(pixels[inside])
        opaque = pixels if flat.mode == "RGB" else pixels[pixels != 0]
        counts += np.bincount(_shades(opaque), minlength=_SHADES)
        first += pixels.size
    sample = np.concatenate(taken)
    sample = sample[sample != 0]
    found = np.bincount(_shades(sample), minlength=_SHADES)
    wanted = (counts * (_SAMPLE / max(1, counts.sum()))).astype(np.int64)
    missing = np.where(found * 2 < wanted, wanted - found, 0)
    rare = (counts >= _SEEN) & (found < _FEW)
    if total <= _SAMPLE or not (rare.any() or missing.any()):
        return Image.frombytes("RGBA", (sample.size, 1), sample.tobytes()).convert("RGB"), ()
    one_of = _one_of_each_shade(flat)
    sample = np.concatenate([sample, np.repeat(one_of, missing)])
    image = Image.frombytes("RGBA", (sample.size, 1), sample.tobytes()).convert("RGB")
    return image, one_of[rare].view(np.uint8).reshape(-1, 4)[:, :3].astype(np.int64)


def _one_of_each_shade(flat: PIL.Image.Image) -> Any:
    """Return a pixel of each shade that there is."""
    import numpy as np

    one_of = np.zeros(_SHADES, "<u4")
    for pixels in _bands(flat):
        opaque = pixels[pixels != 0]
        one_of[_shades(opaque)] = opaque
    return one_of


def _bands(flat: PIL.Image.Image) -> Iterator[Any]:
    """Yield the pixels of the picture as numbers, 0 for transparent ones, some rows at a time."""
    import numpy as np

    rows = max(1, _BAND // flat.width)
    for top in range(0, flat.height, rows):
        band = flat.crop((0, top, flat.width, min(top + rows, flat.height))).convert("RGBA")
        yield np.frombuffer(band.tobytes(), "<u4")


def _shades(pixels: Any) -> Any:
    """Return the first four bits of each channel of pixels as one number."""
    return (pixels & 0xF0) << 4 | (pixels >> 8) & 0xF0 | (pixels >> 20) & 0xF
