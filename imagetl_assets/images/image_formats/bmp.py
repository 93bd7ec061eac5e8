"""BMP: https://learn.microsoft.com/en-us/windows/win32/gdi/bitmap-storage."""

from __future__ import annotations

from struct import Struct

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.image_formats.format import ImageFormat
from imagetl_assets.images.window import Window

_FILE_HEADER = Struct("<2sIHHII")  # signature, file size, 2 x reserved, offset of pixels, header
_INFO_HEADER = Struct("<iiHHII")  # width, height, planes, bits a pixel, compression, image size
_FULL_HEADER = 40  # bytes; smaller headers have other fields
_UNCOMPRESSED = 0, 3  # BI_RGB, BI_BITFIELDS


def _end(window: Window, pos: int) -> int:
    """Take the file size of the header. Where a writer has left it 0, compute it."""
    _, size, _, _, pixels, header = _FILE_HEADER.unpack(window.read(pos, _FILE_HEADER.size))
    least = 14 + header
    if size and size < max(least, pixels):
        raise ImageError("the BMP header gives an impossible file size", pos + 2)
    if not size:
        size = max(least, pixels)
        if header >= _FULL_HEADER:
            size += _image_size(window, pos + _FILE_HEADER.size)
    end = pos + int(size)
    window.index(end - 1)
    return end


def _image_size(window: Window, pos: int) -> int:
    """Return the length of the pixels in bytes, from the header fields at `pos`."""
    width, height, _, bits, compression, size = _INFO_HEADER.unpack(
        window.read(pos, _INFO_HEADER.size)
    )
    if compression in _UNCOMPRESSED:
        return int((abs(width) * bits + 31) // 32 * 4 * abs(height))
    return int(size)


BMP = ImageFormat(rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", _end)
