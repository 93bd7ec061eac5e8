"""Look with Wuffs whether image data are whole, which takes a third of the time of Pillow.

Wuffs is a decoder that is written to be safe from memory errors; Skia decodes GIFs with it:
https://github.com/google/wuffs. It comes with skia-python, in the extra `fast-gif`, and needs the
libraries libGL and libEGL of the system. Without it, nothing is found to be whole.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType

_MOST_PIXELS = 4 * 1024 * 1024
"""Skia has 2 bytes of each pixel, Pillow 1, so large images are left to Pillow."""

_LEAST_CODE_SIZE = 2
"""Of the format. With less, Wuffs reads some data that Pillow does not."""


def decodes(gif: bytes, pixels: int, code_size: int) -> bool:
    """Tell whether a GIF of one image has the data of all of its pixels.

    It is strict: where it says no, another decoder may still find nothing wrong.

    Args:
        gif: the bytes; the trailer may be missing.
        pixels: how many the image has.
        code_size: the first byte of the image data.
    """
    skia = _skia()
    if skia is None or pixels > _MOST_PIXELS or code_size < _LEAST_CODE_SIZE:
        return False
    try:
        codec = skia.Codec.MakeFromData(skia.Data.MakeWithoutCopy(gif))
    except RuntimeError:
        return False
    info = codec.getInfo().makeColorType(skia.kRGB_565_ColorType)
    info = info.makeAlphaType(skia.kOpaque_AlphaType)
    if info.width() * info.height() != pixels:
        return False
    row_bytes = info.minRowBytes()
    result = codec.getPixels(info, bytearray(row_bytes * info.height()), row_bytes)
    return bool(result == skia.Codec.kSuccess)


@lru_cache(maxsize=1)
def _skia() -> ModuleType | None:
    try:
        import skia
    except ImportError:  # It is not installed, or a library of the system is missing.
        return None
    module: ModuleType = skia
    return module
