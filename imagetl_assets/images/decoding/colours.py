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

if TYPE_CHECKING:
    import PIL.Image

_SAME = 2  # of 255: that a profile changes colours by so little cannot be seen
_MOST_BYTES = 4 << 20  # of a profile; those of printers have up to 3 MB
_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}


def in_srgb(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Return a picture of 8 bits with its colours in sRGB; alpha stays as it is.

    It is the same object if no profile changes it. A profile that is broken, or that is for another
    kind of colours, does not count.
    """
    if picture.mode == "LAB":
        return _transformed(picture, _lab_transform())
    profile = picture.info.pop("icc_profile", None) or png_profile(picture.info)
    if not isinstance(profile, bytes) or len(profile) > _MOST_BYTES:
        return picture
    colours = _mode_of_colours(picture)
    transform = _transform(profile, colours)
    if transform is None and colours == "L":
        transform, colours = _transform(profile, "RGB"), "RGB"
    if transform is None:
        return picture
    if not picture.has_transparency_data:
        converted = picture if picture.mode == colours else picture.convert(colours)
        return _transformed(converted, transform)
    rgba = picture.convert("RGBA")
    # Of a grey picture, each of the three channels is the grey.
    flat = rgba.getchannel("R") if colours == "L" else rgba.convert("RGB")
    shown = _transformed(flat, transform)
    shown.putalpha(rgba.getchannel("A"))
    return shown


def _mode_of_colours(picture: PIL.Image.Image) -> str:
    """Return the mode that a picture's colours have without alpha and palette."""
    if picture.mode in ("1", "L", "LA"):
        return "L"
    return "CMYK" if picture.mode == "CMYK" else "RGB"


def _transformed(picture: PIL.Image.Image, transform: Any) -> PIL.Image.Image:
    from PIL import ImageCms

    shown = ImageCms.applyTransform(picture, transform)
    assert shown is not None  # it is None only if the picture itself is changed
    return shown


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> Any:
    """Return what takes colours of a mode to sRGB; None if they need no change, or it is broken."""
    from PIL import ImageCms

    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space != _SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB")
        return None if mode != "CMYK" and _changes_nothing(transform, mode) else transform
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
