"""BMPs of kinds that Pillow does not read: the short header of OS/2, and any masks of bits.

Sources: https://learn.microsoft.com/en-us/windows/win32/api/wingdi/ns-wingdi-bitmapv5header, and
for OS/2 https://www.fileformat.info/format/os2bmp/egff.htm.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, BinaryIO

from imagetl_assets.images.decoding.limits import check_size
from imagetl_assets.images.errors import ImageError

if TYPE_CHECKING:
    import PIL.Image

_FILE_HEADER, _CORE, _SHORT, _FULL = 14, 12, 16, 40  # lengths
_MASKS = _FILE_HEADER + _FULL  # where they are, in the header or after it
_BITFIELDS = 3, 6  # compressions: with the masks of three colours, and of alpha, too
_ALPHA_FROM = 56  # length of the first header that has a mask of alpha


def opened(file: BinaryIO, max_pixels: int) -> PIL.Image.Image:
    """Return the picture of a BMP.

    Raises:
        ImageError: it is cut short, or has more pixels than allowed.
        Exception: of any kind that Pillow raises for damaged data.
    """
    from PIL import Image

    data = file.read()
    if len(data) < _FILE_HEADER + _CORE:
        raise ImageError("the data ends in the middle of the image", len(data))
    header, width, height = struct.unpack_from("<Iii", data, _FILE_HEADER)
    if header == _SHORT:
        data = _with_full_header(data)
    try:
        return Image.open(io.BytesIO(data), formats=["BMP"])
    except OSError:
        if header < _FULL or struct.unpack_from("<I", data, 30)[0] not in _BITFIELDS:
            raise
    check_size(width, abs(height), max_pixels)
    return _masked(data, width, height)


def _with_full_header(data: bytes) -> bytes:
    """Return a BMP whose header has 40 bytes instead of 16; what is left out is 0 in it."""
    (pixels,) = struct.unpack_from("<I", data, 10)
    added = _FULL - _SHORT
    head = data[:10] + struct.pack("<II", pixels + added, _FULL)
    end = _FILE_HEADER + _SHORT
    return head + data[18:end] + bytes(added) + data[end:]


def _masked(data: bytes, width: int, height: int) -> PIL.Image.Image:
    """Return the picture of a BMP whose pixels are numbers, and masks tell where their colours are.

    Raises:
        ImageError: its pixels do not have 16 or 32 bits, or it is cut short.
    """
    import numpy as np
    from PIL import Image

    (pixels_at, header), (bits,) = struct.unpack_from("<II", data, 10), data[28:29]
    masks = struct.unpack_from("<IIII", data, _MASKS)
    if bits not in (16, 32) or width <= 0:
        raise ImageError(f"a BMP with masks for {bits} bits cannot be shown")
    rows, stride = abs(height), (width * bits + 31) // 32 * 4
    if len(data) < pixels_at + rows * stride:
        raise ImageError("the data ends in the middle of the image", len(data))
    raw = np.frombuffer(data, np.uint8, rows * stride, pixels_at).reshape(rows, stride)
    numbers = raw.view(f"<u{bits // 8}")[:, :width].astype(np.uint32)
    channels = masks if header >= _ALPHA_FROM and masks[3] else masks[:3]
    shown = np.stack([_share(numbers, mask) for mask in channels], -1)
    return Image.fromarray(np.ascontiguousarray(shown if height < 0 else shown[::-1]))


def _share(numbers: Any, mask: int) -> Any:
    """Return the bits of a mask as shares of 255; 0 if it has none."""
    import numpy as np

    shift = (mask & -mask).bit_length() - 1 if mask else 0
    most = mask >> shift or 1
    return (((numbers & mask) >> shift).astype(np.float64) * (255 / most) + 0.5).astype(np.uint8)
