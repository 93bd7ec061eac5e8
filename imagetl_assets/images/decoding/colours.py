"""Show the colours of a picture in sRGB, which is what GIFs and all screens take them for.

A picture can have an ICC profile, and a PNG can tell its colours in the chunks gAMA and cHRM. What
is not told is sRGB. Profiles are applied by LittleCMS, with the perceptual intent of browsers.

Strategy: most profiles are that of sRGB, under many names. So a profile is first tried with colours
from all over the space. If it changes none of them by more than can be seen, pictures stay as they
are. The answer is kept for the next pictures with the same profile.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from imagetl_assets.images.decoding.png_colours import png_profile
from imagetl_assets.images.errors import ImageError

if TYPE_CHECKING:
    import PIL.Image

_SAME = 2  # of 255: that a profile changes colours by so little cannot be seen
_MOST_BYTES = 4 << 20  # of a profile; those of printers have up to 3 MB
_SPACES = {"RGB": "RGB ", "RGBA": "RGB ", "L": "GRAY", "CMYK": "CMYK"}


def in_srgb(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Return a picture of 8 bits with its colours in sRGB; alpha stays as it is.

    It is the same object if no profile changes it, and may be if one does. A profile that is
    broken, or that is for another kind of colours, does not count.

    Raises:
        ImageError: its pixels are numbers of colours, and it does not say which colours.
    """
    if picture.mode == "P" and picture.palette is None:
        raise ImageError("the palette is missing")
    if picture.mode == "LAB":
        return _transformed(picture, _lab_transform())
    profile = picture.info.pop("icc_profile", None) or png_profile(picture.info)
    if not isinstance(profile, bytes) or len(profile) > _MOST_BYTES:
        return picture
    mode = next((mode for mode in _modes(picture) if _transform(profile, mode)), None)
    if mode is None:
        return picture
    if mode == "RGB":
        mode = "RGBA" if picture.has_transparency_data else "RGB"
        shown = picture if picture.mode == mode else picture.convert(mode)
        _transformed(shown, _transform(profile, mode), in_place=True)
        return shown
    if not picture.has_transparency_data:
        converted = picture if picture.mode == mode else picture.convert(mode)
        return _transformed(converted, _transform(profile, mode))
    grey = picture if picture.mode == "LA" else picture.convert("LA")
    shown = _transformed(grey.getchannel("L"), _transform(profile, mode))
    shown.putalpha(grey.getchannel("A"))
    return shown


def _modes(picture: PIL.Image.Image) -> tuple[str, ...]:
    """Return the modes that a picture's colours can be taken for, without alpha and palette."""
    if picture.mode in ("1", "L", "LA"):
        return "L", "RGB"
    return ("CMYK",) if picture.mode == "CMYK" else ("RGB",)


def _transformed(
    picture: PIL.Image.Image, transform: Any, *, in_place: bool = False
) -> PIL.Image.Image:
    """Return the picture in sRGB; the same one if it may be changed."""
    from PIL import ImageCms

    return ImageCms.applyTransform(picture, transform, inPlace=in_place) or picture


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> Any:
    """Return what takes colours of a mode to sRGB; None if they need no change, or it is broken.

    Alpha stays as it is, and the picture gets the mode RGB, or RGBA if that is what it has.
    """
    from PIL import ImageCms

    if mode == "RGBA" and _transform(profile, "RGB") is None:
        return None
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space != _SPACES[mode]:
            return None
        shown = "RGBA" if mode == "RGBA" else "RGB"
        transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, shown)
        return None if mode in ("L", "RGB") and _changes_nothing(transform, mode) else transform
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None


@lru_cache(maxsize=1)
def _lab_transform() -> Any:
    """Return what takes colours of CIELAB to sRGB."""
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, srgb, "LAB", "RGB")


def _changes_nothing(transform: Any, mode: str) -> bool:
    """Tell whether no colour from all over the space is changed by more than can be seen."""
    import numpy as np
    from PIL import Image

    if mode == "L":
        probes = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(1, -1))
    else:
        steps = np.linspace(0, 255, 9).round().astype(np.uint8)
        grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1)
        probes = Image.fromarray(grid.reshape(27, 27, 3))
    shown = np.asarray(_transformed(probes, transform), int)
    return bool(np.abs(shown - np.asarray(probes.convert("RGB"), int)).max() <= _SAME)
