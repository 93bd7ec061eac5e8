"""Decode pictures with Pillow.

What comes out is complete, turned as the EXIF orientation says, and 8 bits deep. Pictures with more
pixels than a limit are refused before they are decoded.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imagetl_assets.images import gif, image_formats
from imagetl_assets.images.errors import ImageError

if TYPE_CHECKING:
    import PIL.Image

MAX_PIXELS = 64_000_000
"""Default limit for one picture; converting one of that size takes up to a gigabyte."""

ANIMATION = 32
"""All images of an animation together may have this many times the pixels of one picture."""

_FORMATS = [name for name in image_formats.FORMATS if name != "GIF"]


def pictures(data: bytes, max_pixels: int = MAX_PIXELS) -> Iterator[PIL.Image.Image]:
    """Yield the images of an encoded picture in order, one unless it is animated.

    Raises:
        ImageError: damaged data, an unknown format, or more pixels than allowed.
    """
    if data.startswith(gif.SIGNATURES):
        return _gif_pictures(data, max_pixels)
    return _other_pictures(data, max_pixels)


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise ImageError if a picture of this size has too many pixels, or too many for a GIF."""
    if width * height > max_pixels:
        raise ImageError(f"{width} x {height} pixels are more than the {max_pixels:,} allowed")
    if max(width, height) > 0xFFFF:
        raise ImageError(f"{width} x {height} pixels are more than a GIF can hold")


def _gif_pictures(data: bytes, max_pixels: int) -> Iterator[PIL.Image.Image]:
    """Compose the images of a GIF on its screen, which is transparent at first.

    This is what browsers do: "restore to background" makes an area transparent (GIF89a, section
    23). Pillow can compose GIFs, too, but takes the mode of the first image for all of them, and so
    may lose transparency and colours of the others.
    """
    from PIL import Image

    layout = gif.parse(data)
    width, height, _ = gif.screen_size([layout])
    check_size(width, height, max_pixels)
    _check_total(width * height * len(layout.images), max_pixels)
    canvas = None
    for image in layout.images:
        table, block = gif.image_bytes(image, data)
        drawn = gif.pixels(image, table, block)
        drawn.putpalette(table)
        if image.transparent >= 0:
            drawn.info["transparency"] = image.transparent
        if image.covers(width, height):
            shown = drawn
        else:
            rgba = drawn.convert("RGBA")
            shown = canvas.copy() if canvas else Image.new("RGBA", (width, height))
            shown.paste(rgba, (image.left, image.top), rgba)
        yield shown
        if image is layout.images[-1]:
            return
        if image.disposal == gif.TO_BACKGROUND:
            canvas = shown.convert("RGBA")
            canvas.paste((0, 0, 0, 0), (image.left, image.top, *image.corner))
        elif image.disposal != gif.TO_PREVIOUS:
            canvas = shown.convert("RGBA")


def _other_pictures(data: bytes, max_pixels: int) -> Iterator[PIL.Image.Image]:
    """Yield the images of a picture that is no GIF."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            total = 0
            for number in _numbers(picture):
                picture.seek(number)
                check_size(picture.width, picture.height, max_pixels)
                total += picture.width * picture.height
                _check_total(total, max_pixels)
                picture.load()
                yield ImageOps.exif_transpose(_eight_bit(picture))
    except (ImageError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"the picture is too large: {error}") from error
    except Exception as error:  # damaged data make Pillow raise errors of any kind
        raise ImageError(f"the picture cannot be decoded: {error}") from error


def _check_total(pixels: int, max_pixels: int) -> None:
    """Raise ImageError if the images of an animation have too many pixels together."""
    if pixels > ANIMATION * max_pixels:
        raise ImageError(f"the animation has more than {ANIMATION * max_pixels:,} pixels")


def _numbers(picture: PIL.Image.Image) -> range:
    """Return which of the file's images are meant to be shown."""
    if picture.format == "MPO":  # a photo; what follows are previews and gain maps
        return range(1)
    # The first image of an animated PNG may be one for decoders that cannot animate.
    return range(bool(getattr(picture, "default_image", False)), getattr(picture, "n_frames", 1))


def _eight_bit(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Return a grey picture of more than 8 bits a pixel with 8 bits.

    0 to 65,535 become 0 to 255 where the picture has 16 bits. In others, the lowest and the highest
    value that occur become 0 and 255.
    """
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = picture.convert("F")
    low, high = 0.0, 65535.0
    if not picture.mode.startswith("I;16"):
        low, high = values.getextrema()  # type: ignore[assignment]
    scale = 255 / (high - low) if high > low else 0.0
    grey = values.point(lambda value: value * scale + (0.5 - low * scale)).convert("L")
    grey.info, grey.getexif()[0x0112] = picture.info, picture.getexif().get(0x0112, 1)
    return grey
