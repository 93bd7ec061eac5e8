"""Open an encoded picture with Pillow, and with the plugin that its format takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from imagetl_assets.images.decoding import bmp, jpeg_xl
from imagetl_assets.images.decoding.limits import MAX_PIXELS, check_size
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.image_formats import FORMATS, SNIFFED, sniff

if TYPE_CHECKING:
    import PIL.Image

_ORIENTATION = 0x0112
_NO_REASON = "not identified by this driver"
_BRANDS = 64  # bytes, in which a HEIF tells what it is compatible with


def format_of(file: BinaryIO) -> str:
    """Return the format of the picture in a file, by the name that Pillow has for it.

    Raises:
        ImageError: the format is not known, or something is missing that it takes.
    """
    file.seek(0)
    head = file.read(_BRANDS)
    file.seek(0)
    format = sniff(head[:SNIFFED])
    if format is None:
        raise ImageError(
            "the picture cannot be decoded: no known format begins with the bytes "
            f"{head[:8].hex(' ')}"
        )
    if format == "HEIF" and b"avif" in head:
        format = "AVIF"
    if missing := FORMATS[format].missing():
        raise ImageError(f"it is a picture in the format {format}, but {missing}")
    return format


def opened(file: BinaryIO, max_pixels: int = MAX_PIXELS) -> PIL.Image.Image:
    """Return the picture in a file.

    Nothing of it is decoded yet, but if it is a JPEG XL or a rare BMP, which then has at most
    `max_pixels`.

    Raises:
        ImageError: the format is not known, or something is missing that it takes.
        Exception: of any kind that Pillow raises for damaged data.
    """
    from PIL import Image, UnidentifiedImageError

    format = format_of(file)
    if format == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    elif format == "JXL":
        return _jpeg_xl(file, max_pixels)
    elif format == "BMP":
        return bmp.opened(file, max_pixels)
    try:
        return Image.open(file, formats=[format])
    except UnidentifiedImageError as error:
        raise ImageError(f"the picture cannot be decoded: {_reason(file, format)}") from error


def _reason(file: BinaryIO, format: str) -> str:
    """Return why Pillow cannot open a picture, which it keeps to itself."""
    from PIL import Image

    file.seek(0)
    try:
        Image.OPEN[format][0](file, "")
    except Exception as error:  # damaged data make Pillow raise errors of any kind
        if str(error) not in ("", _NO_REASON):
            return str(error)
    return (
        f"it is damaged where it begins, or uses a part of the format {format} that Pillow cannot "
        "read"
    )


def _jpeg_xl(file: BinaryIO, max_pixels: int) -> PIL.Image.Image:
    import pillow_jxl  # noqa: F401  # registers itself
    from PIL import Image

    width, height = jpeg_xl.size(file.read())
    file.seek(0)
    check_size(width, height, max_pixels)
    try:
        picture = Image.open(file, formats=["JXL"])
    except RuntimeError as error:  # it tells how to build the plugin, not what is wrong
        raise ImageError("the JPEG XL is damaged") from error
    if not getattr(picture, "jpeg", False):  # it is upright: the orientation is of the codestream
        picture.getexif().pop(_ORIENTATION, None)
    return picture
