"""The image of a PNG as its chunks say: which of them are sound, and what is transparent.

Pillow reads PNGs, but does not look at the checksums of their pixels, and compares the transparent
colour of tRNS with pixels that it has already brought to 8 bits.
Source: https://www.w3.org/TR/png-3/.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from zlib import crc32, decompressobj
from zlib import error as ZlibError

from imagetl_assets.images.decoding.depth import eight_bit, like
from imagetl_assets.images.errors import ImageError

if TYPE_CHECKING:
    import PIL.Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BIT_DEPTH, _COLOUR_TYPE = 24, 25  # where they are in a PNG
_GREY, _RGB = 0, 2
_NEED_NOT_BE_KNOWN = 0x20  # the bit of a chunk's first byte that says so (section 5.4)

# How long these chunks are, and which hold a name, a zero byte, a method (0) and packed data.
_SIZES = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9}
_COMPRESSED = {b"iCCP", b"zTXt"}

_EXIF_TEXT = b"Raw profile type exif\0"

# Chunks that need not be understood, but without which another picture would be seen.
_SEEN = {b"tRNS", b"acTL", b"fcTL", b"fdAT"}


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each chunk, where it begins and where it ends, up to IEND or to a cut.

    A chunk begins with its length, and ends with its checksum. What is in it has 12 bytes less.
    """
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            return
        kind = data[at + 4 : at + 8]
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end


def has_exif(data: bytes) -> bool:
    """Tell whether there are EXIF data: in a chunk, or in a text, as older programs write them."""
    return any(
        kind == b"eXIf" or data.startswith(_EXIF_TEXT, start + 8) for kind, start, _ in chunks(data)
    )


def sound(data: bytes) -> bytes:
    """Return the PNG without what is of no use in it, and need not be known to show it.

    That is what is damaged, and what Pillow would refuse the picture for.

    Raises:
        ImageError: a checksum is wrong, and what is seen depends on what it is of.
    """
    view = memoryview(data)
    damaged = []
    for kind, at, end in chunks(data):
        if crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            if not kind[0] & _NEED_NOT_BE_KNOWN or kind in _SEEN:
                name = kind.decode("ascii", "replace")
                raise ImageError(f"the checksum of a PNG chunk ({name}) is wrong", at)
            damaged.append((at, end))
        elif not _readable(kind, view[at + 8 : end - 4]):
            damaged.append((at, end))
    if not damaged:
        return data
    starts = [0, *(end for _, end in damaged)]
    ends = [*(at for at, _ in damaged), len(data)]
    return b"".join(view[at:end] for at, end in zip(starts, ends, strict=True))


def _readable(kind: bytes, content: memoryview) -> bool:
    """Tell whether Pillow can read a chunk that need not be known; else it refuses the picture."""
    if kind in _SIZES:
        return len(content) == _SIZES[kind]
    if kind in _COMPRESSED:
        _, _, packed = bytes(content).partition(b"\0")
        return packed[:1] == b"\0" and _is_small(packed[1:])
    if kind == b"iTXt":
        _, _, told = bytes(content).partition(b"\0")
        if told[:1] in (b"", b"\0"):  # it is not compressed
            return True
        parts = told[2:].split(b"\0", 2)
        return told[1:2] == b"\0" and len(parts) == 3 and _is_small(parts[2])
    return True


def _is_small(packed: bytes) -> bool:
    """Tell whether Pillow unpacks so much. What cannot be unpacked counts as nothing."""
    from PIL.PngImagePlugin import MAX_TEXT_CHUNK

    unpacking = decompressobj()
    try:
        unpacking.decompress(packed, MAX_TEXT_CHUNK)
    except ZlibError:
        return True
    return not unpacking.unconsumed_tail


def load(picture: PIL.Image.Image, data: bytes) -> PIL.Image.Image:
    """Return the image of a PNG, with 8 bits a channel, transparent where tRNS says so.

    Args:
        picture: opened, and not loaded yet.
        data: what it was opened from.
    """
    told = picture.info.get("transparency")
    bits, colour_type = data[_BIT_DEPTH], data[_COLOUR_TYPE]
    if told is None or colour_type not in (_GREY, _RGB):
        picture.load()
        return eight_bit(picture)
    if bits == 1:
        del picture.info["transparency"]
        grey = like(picture, picture.convert("L"))
        grey.info["transparency"] = 255 if told else 0
        return grey
    # Only so many of the 16 bits of each number count (section 11.3.1.1).
    most = (1 << bits) - 1
    if bits < 16:
        picture.load()
        scaled = [(value & most) * 255 // most for value in _numbers(told)]
        picture.info["transparency"] = scaled[0] if colour_type == _GREY else tuple(scaled)
        return picture
    del picture.info["transparency"]
    if colour_type == _GREY:
        return _grey_with_alpha(picture, told)
    return _rgb_with_alpha(picture, data, told)


def _numbers(told: Any) -> tuple[int, ...]:
    return told if isinstance(told, tuple) else (told,)


def _grey_with_alpha(picture: PIL.Image.Image, transparent: int) -> PIL.Image.Image:
    import numpy as np
    from PIL import Image

    alpha = Image.fromarray((np.asarray(picture) != transparent).astype(np.uint8) * 255)
    shown = Image.merge("LA", (eight_bit(picture), alpha))
    return like(picture, shown)


def _rgb_with_alpha(
    picture: PIL.Image.Image, data: bytes, transparent: tuple[int, ...]
) -> PIL.Image.Image:
    """Compare all 16 bits. Pillow keeps 8 of them, so it reads the others from a second opening."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["PNG"]) as low:
        low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]
        pixels = np.asarray(picture).astype(np.uint16) << 8 | np.asarray(low)
    opaque = (pixels != np.array(transparent, np.uint16)).any(-1)
    shown = picture.convert("RGB")
    shown.putalpha(Image.fromarray(opaque.astype(np.uint8) * 255))
    return like(picture, shown)
