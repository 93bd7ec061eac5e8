"""Decode pictures with Pillow.

What comes out is complete, turned as the EXIF orientation says, and 8 bits deep. Pictures with more
pixels than a limit are refused before they are decoded.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from imagetl_assets.images import gif, image_formats
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.time_limit import OutOfTime, check_time

if TYPE_CHECKING:
    import PIL.Image

Picture: TypeAlias = "PIL.Image.Image"

MAX_PIXELS = 64_000_000
"""Default limit for one picture.

Converting one of that size takes up to 0.95 GB beside its encoded bytes; 1.2 GB if it is resized.
"""

ANIMATION = 4
"""All images of an animation together may have this many times the pixels of one picture.

Each of them counts with all pixels of the animation, however few it changes: so many are composed
and converted for it. A frame of the most pixels that are allowed takes about ten seconds.
"""

_FORMATS = [name for name in image_formats.FORMATS if name != "GIF"]


def pictures(data: bytes, max_pixels: int = MAX_PIXELS) -> Iterator[PIL.Image.Image]:
    """Yield the images of an encoded picture in order, one unless it is animated.

    Raises:
        ImageError: damaged data, an unknown format, or more pixels than allowed.
    """
    if data.startswith(gif.SIGNATURES):
        return _gif_pictures(data, max_pixels, ANIMATION * max_pixels)
    return _other_pictures(io.BytesIO(data), max_pixels, ANIMATION * max_pixels)


def timed_pictures(
    data: bytes, max_pixels: int = MAX_PIXELS
) -> Iterator[tuple[PIL.Image.Image, float | None]]:
    """Yield the same as `pictures`, and for how many milliseconds each is shown, if that is told.

    Raises:
        ImageError: damaged data, an unknown format, or more pixels than allowed.
    """
    if data.startswith(gif.SIGNATURES):
        times = [image.delay * 10 for image in gif.parse(data).images]
        yield from zip(pictures(data, max_pixels), times, strict=True)
        return
    for picture in pictures(data, max_pixels):
        yield picture, picture.info.get("duration")


def shown_pictures(
    file: BinaryIO, first: int = 0, max_pixels: int = MAX_PIXELS
) -> Iterator[tuple[PIL.Image.Image, float | None]]:
    """Yield the images of an animated picture, from one on, and how long each of them is shown.

    Args:
        file: with the encoded picture and nothing else. It is left where it was read last.
        first: number of an image; those before it are decoded if it needs them.
        max_pixels: the limit for one image. There is none for all of them, as they are not kept.

    The time is in milliseconds; None if the format has none.

    Raises:
        ImageError: damaged data, an unknown format, or more pixels than allowed.
    """
    file.seek(0)
    if file.read(len(gif.SIGNATURES[0])) in gif.SIGNATURES:
        file.seek(0)
        data = file.read()
        images = gif.parse(data).images
        shown = zip(_gif_pictures(data, max_pixels, None), images, strict=True)
        for picture, image in islice(shown, first, None):
            yield picture, image.delay * 10
        return
    for picture in _other_pictures(file, max_pixels, None, first):
        yield picture, picture.info.get("duration")


def exif_time(data: bytes) -> float | None:
    """Return when a photo was taken, in seconds since 1970; None if it does not tell.

    EXIF tells it without a time zone: UTC is assumed.
    """
    from PIL import ExifTags, Image

    if data.startswith(gif.SIGNATURES):
        return None
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            exif = picture.getexif()
            told = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
            text = str(told or exif.get(ExifTags.Base.DateTime))
        taken = datetime.strptime(text.strip("\0 "), "%Y:%m:%d %H:%M:%S")
        return taken.replace(tzinfo=timezone.utc).timestamp()
    except Exception:  # damaged data make Pillow raise errors of any kind; then there is no time
        return None


def count_pictures(file: BinaryIO, format: str) -> int:
    """Return how many images a picture has. Raises ImageError if that cannot be told."""
    from PIL import Image

    file.seek(0)
    try:
        with Image.open(file, formats=[format]) as picture:
            return len(_numbers(picture))
    except Exception as error:  # damaged data make Pillow raise errors of any kind
        raise ImageError(f"the picture cannot be decoded: {error}") from error


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise ImageError if a picture of this size has too many pixels, or too many for a GIF."""
    if width * height > max_pixels:
        raise ImageError(f"{width} x {height} pixels are more than the {max_pixels:,} allowed")
    if max(width, height) > 0xFFFF:
        raise ImageError(f"{width} x {height} pixels are more than a GIF can hold")


def _gif_pictures(
    data: bytes, max_pixels: int, max_together: int | None
) -> Iterator[PIL.Image.Image]:
    """Compose the images of a GIF on its screen, which is transparent at first.

    This is what browsers do: "restore to background" makes an area transparent (GIF89a, section
    23). Pillow can compose GIFs, too, but takes the mode of the first image for all of them, and so
    may lose transparency and colours of the others.
    """
    from PIL import Image

    layout = gif.parse(data)
    width, height = layout.screen
    check_size(width, height, max_pixels)
    check_total(width * height * len(layout.images), max_together)
    canvas = None
    for image in layout.images:
        check_time()
        check_size(image.width, image.height, max_pixels)  # it may reach beyond the screen
        table, block = gif.image_bytes(image, data)
        drawn = gif.pixels(image, table, block)
        drawn.putpalette(table)
        if image.transparent >= 0:
            drawn.info["transparency"] = image.transparent
        if image.covers(width, height):
            shown = drawn if drawn.size == (width, height) else drawn.crop((0, 0, width, height))
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


def _other_pictures(
    file: BinaryIO, max_pixels: int, max_together: int | None, first: int = 0
) -> Iterator[PIL.Image.Image]:
    """Yield the images of a picture that is no GIF, from the image `first` on."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file, formats=_FORMATS) as picture:
            total = 0
            numbers = _numbers(picture)
            for number in numbers[first:]:
                check_time()
                picture.seek(number)
                check_size(picture.width, picture.height, max_pixels)
                total += picture.width * picture.height
                check_total(total, max_together)
                picture.load()
                yield _upright(_eight_bit(picture), alone=len(numbers) == 1)
    except (ImageError, MemoryError, OutOfTime):
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"the picture is too large: {error}") from error
    except UnidentifiedImageError as error:
        raise ImageError(
            "the picture cannot be decoded: it is damaged where it begins, or uses a part of its "
            "format that Pillow cannot read"
        ) from error
    except Exception as error:  # damaged data make Pillow raise errors of any kind
        raise ImageError(f"the picture cannot be decoded: {error}") from error


def check_total(pixels: int, max_together: int | None) -> None:
    """Raise ImageError if the images of an animation have too many pixels together."""
    if max_together is not None and pixels > max_together:
        raise ImageError(f"the animation has more than {max_together:,} pixels")


def _upright(picture: PIL.Image.Image, *, alone: bool) -> PIL.Image.Image:
    """Return a picture turned as the EXIF orientation says, if that can be read.

    It is the same object, to save memory, if it is alone in its file. Else it is a copy, as the
    next image of the file takes the place of this one.
    """
    from PIL import ImageOps

    try:
        if not alone:
            return ImageOps.exif_transpose(picture)
        ImageOps.exif_transpose(picture, in_place=True)
    except MemoryError:
        raise
    except Exception:  # EXIF data can be wrong in many ways, and then do not count
        return picture if alone else picture.copy()
    return picture


def _numbers(picture: PIL.Image.Image) -> range:
    """Return which of the file's images are meant to be shown."""
    if picture.format == "MPO":  # a photo; what follows are previews and gain maps
        return range(1)
    # The first image of an animated PNG may be one for decoders that cannot animate.
    return range(bool(getattr(picture, "default_image", False)), getattr(picture, "n_frames", 1))


def _eight_bit(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Return a picture whose channels have 8 bits, and whose colours are not multiplied by alpha.

    Grey of 9 to 16 bits becomes the share of the highest value that it can have. In grey pictures
    of other kinds of numbers, the lowest and the highest value that occur become 0 and 255. What is
    no number (NaN) becomes 0, and what is infinite becomes 0 or 255.
    """
    from PIL import Image

    if picture.mode in ("La", "RGBa"):
        return _like(picture, picture.convert(picture.mode.upper()))
    if not picture.mode.startswith(("I", "F")):
        return picture
    import numpy as np

    grey = np.array(picture, dtype=np.float32)
    if picture.mode.startswith("I;16"):
        low, high = 0.0, float(2 ** _bits(picture) - 1)
    else:
        finite = grey[np.isfinite(grey)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        del finite
    scale = 255 / (high - low) if high > low else 0.0
    np.nan_to_num(grey, copy=False, nan=low, posinf=high, neginf=low)
    grey -= low
    grey *= scale
    grey += 0.5
    np.clip(grey, 0, 255, out=grey)
    return _like(picture, Image.fromarray(grey.astype(np.uint8)))


def _bits(picture: PIL.Image.Image) -> int:
    """Return how many bits a grey value has, which is 16 unless a TIFF tells another number."""
    tags = getattr(picture, "tag_v2", None) or {}
    (bits, *_) = tags.get(258, (16,))
    return bits if 8 < bits <= 16 else 16


def _like(picture: PIL.Image.Image, converted: PIL.Image.Image) -> PIL.Image.Image:
    """Return a converted picture with what is known of it, and its orientation."""
    converted.info = picture.info
    with suppress(Exception):  # EXIF data that cannot be read do not count
        converted.getexif()[0x0112] = picture.getexif().get(0x0112, 1)
    return converted
