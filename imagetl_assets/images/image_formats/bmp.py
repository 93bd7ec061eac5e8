"""BMP: https://learn.microsoft.com/en-us/windows/win32/gdi/bitmap-storage."""

from __future__ import annotations

from struct import Struct

from imagetl_assets.images.image_formats.format import ImageFormat
from imagetl_assets.images.window import Window

_FILE_HEADER = Struct("<2sIHHII")  # signature, file size, 2 x reserved, offset of pixels, header
_CORE_HEADER = Struct("<HHHH")  # width, height, planes, bits a pixel
_OS2_HEADER = Struct("<iiHH")  # the same; also the beginning of _INFO_HEADER
_INFO_HEADER = Struct("<iiHHII")  # the same, compression, image size
_CORE, _FULL, _OS2 = 12, 40, 64  # lengths of headers
_RGB, _BITFIELDS = 0, 3  # compressions
_SEPARATOR = b"\n\n\n\n"


def _end(window: Window, pos: int) -> int:
    """Return where the image ends by the file size of its header, or by its pixels.

    Viewers do not look at the file size, and many writers leave it wrong: 0, that of the headers
    as in OS/2, or too large. So the pixels count where the file size leaves no room for them, or
    where a separator or the end of the file follows them at once.
    """
    _, size, _, _, pixels, header = _FILE_HEADER.unpack(window.read(pos, _FILE_HEADER.size))
    least = pos + max(14 + header, pixels) + _image_size(window, pos + _FILE_HEADER.size, header)
    end = pos + int(size)
    if end < least or (end > least and window.peek(least, len(_SEPARATOR)) in (b"", _SEPARATOR)):
        end = least
    window.index(end - 1)
    return end


def _image_size(window: Window, pos: int, header: int) -> int:
    """Return the length of the pixels in bytes, from the header fields at `pos`."""
    size, compression = 0, _RGB
    if header == _CORE:
        width, height, _, bits = _CORE_HEADER.unpack(window.read(pos, _CORE_HEADER.size))
    elif header < _FULL:
        width, height, _, bits = _OS2_HEADER.unpack(window.read(pos, _OS2_HEADER.size))
    else:
        fields = _INFO_HEADER.unpack(window.read(pos, _INFO_HEADER.size))
        width, height, _, bits, compression, size = fields
    if compression == _RGB or (compression == _BITFIELDS and header != _OS2):
        return int((abs(width) * bits + 31) // 32 * 4 * abs(height))
    return int(size)


BMP = ImageFormat(rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", _end)
