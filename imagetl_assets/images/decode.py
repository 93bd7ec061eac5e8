"""Decode pictures with Pillow.

What comes out is complete, turned as the EXIF orientation says, and 8 bits deep. Pictures with more
pixels than a limit are refused before they are decoded.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from imagetl_assets.images import gif
from imagetl_assets.images.decoding import apng, png, tiff_pages
from imagetl_assets.images.decoding.colours import in_srgb
from imagetl_assets.images.decoding.depth import eight_bit, like
from imagetl_assets.images.decoding.limits import ANIMATION, MAX_PIXELS, check_size, check_total
from imagetl_assets.images.decoding.opening import format_of, opened
from imagetl_assets.images.decoding.tiff import Tiff
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.time_limit import OutOfTime, check_time

if TYPE_CHECKING:
    import PIL.Image

Picture: TypeAlias = "PIL.Image.Image"


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
    from PIL import ExifTags

    if data.startswith(gif.SIGNATURES):
        return None
    if data.startswith(png.SIGNATURE) and not png.has_exif(data):
        return None  # Pillow would decode all of it, as EXIF data may come last
    try:
        with opened(io.BytesIO(data)) as picture:
            exif = picture.getexif()
            told = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
            text = str(told or exif.get(ExifTags.Base.DateTime))
        taken = datetime.strptime(text.strip("\0 "), "%Y:%m:%d %H:%M:%S")
        return taken.replace(tzinfo=timezone.utc).timestamp()
    except Exception:  # damaged data make Pillow raise errors of any kind; then there is no time
        return None


def count_pictures(file: BinaryIO) -> int:
    """Return how many images a picture has. Raises ImageError if that cannot be told."""
    try:
        if format_of(file) == "TIFF":
            return len(tiff_pages.shown(tiff_pages.pages(file)))
        with opened(file) as picture:
            return len(_numbers(picture))
    except Exception as error:  # damaged data make Pillow raise errors of any kind
        raise ImageError(f"the picture cannot be decoded: {error}") from error


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
    with _errors_of_pillow():
        format = format_of(file)
        if format == "PNG":
            yield from islice(_png_pictures(file.read(), max_pixels, max_together), first, None)
            return
        if format == "TIFF":
            yield from _tiff_pictures(file, max_pixels, max_together, first)
            return
        with opened(file, max_pixels) as picture:
            total = 0
            numbers = _numbers(picture)
            for number in numbers[first:]:
                check_time()
                picture.seek(number)
                check_size(picture.width, picture.height, max_pixels)
                total += picture.width * picture.height
                check_total(total, max_together)
                picture.load()
                yield in_srgb(_upright(eight_bit(picture), alone=len(numbers) == 1))


def _tiff_pictures(
    file: BinaryIO, max_pixels: int, max_together: int | None, first: int
) -> Iterator[PIL.Image.Image]:
    pages = tiff_pages.pages(file)
    numbers, tiff, total = tiff_pages.shown(pages), Tiff(file, pages), 0
    for number in numbers[first:]:
        check_time()
        width, height = pages[number].size
        check_size(width, height, max_pixels)
        total += width * height
        check_total(total, max_together)
        yield in_srgb(_upright(tiff.picture(number), alone=len(numbers) == 1))


def _png_pictures(
    data: bytes, max_pixels: int, max_together: int | None
) -> Iterator[PIL.Image.Image]:
    data = png.sound(data)
    with opened(io.BytesIO(data)) as picture:
        numbers = _numbers(picture)
        check_size(picture.width, picture.height, max_pixels)
        check_total(picture.width * picture.height * len(numbers), max_together)
        if not getattr(picture, "is_animated", False):
            yield in_srgb(_upright(png.load(picture, data), alone=True))
            return
        for count, (shown, duration) in enumerate(apng.composed(data, _still_png), 1):
            check_time()
            shown = like(picture, shown)
            shown.info = {"duration": duration}
            yield _upright(shown, alone=True)
            if count == len(numbers):
                return
    raise ImageError("the file has fewer images than it says")


def _still_png(data: bytes) -> PIL.Image.Image:
    with opened(io.BytesIO(data)) as picture:
        return in_srgb(png.load(picture, data))


@contextmanager
def _errors_of_pillow() -> Iterator[None]:
    """Let what Pillow raises be an ImageError, whose message is for people."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
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
    if picture.format == "HEIF":  # it is opened at its main image; the others are no film
        return range(picture.tell(), picture.tell() + 1)
    # The first image of an animated PNG may be one for decoders that cannot animate.
    return range(bool(getattr(picture, "default_image", False)), getattr(picture, "n_frames", 1))
