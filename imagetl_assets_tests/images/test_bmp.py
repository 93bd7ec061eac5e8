"""BMPs of rare kinds: where they end, and what they show."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from imagetl_assets.images import decode, image_formats
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.window import Window
from imagetl_assets_tests.images.builders import SEPARATOR, encode, picture

WIDTH, HEIGHT = 5, 3
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
COLOURS = np.stack([x * 60, y * 120, (x + y) * 40], -1).astype(np.uint8)


def end(data: bytes, after: bytes = b"") -> int:
    return image_formats.FORMATS["BMP"].end(Window.over(data + after), 0)


def shown(data: bytes) -> Any:
    (image,) = decode.pictures(data)
    return np.asarray(image.convert("RGBA"), int)


def bmp(header: bytes, rows: Any, file_size: int | None = None) -> bytes:
    """A BMP of the bytes of its rows, the lowest first."""
    lines = b"".join(bytes(row) + bytes(-len(row) % 4) for row in rows)
    start = 14 + 4 + len(header)
    size = start + len(lines) if file_size is None else file_size
    head = b"BM" + struct.pack("<IIII", size, 0, start, 4 + len(header))
    return head + header + lines


def os2(length: int, file_size: int | None = None) -> bytes:
    """A BMP as OS/2 writes it, with a header of this length."""
    rows = [row[:, ::-1].tobytes() for row in COLOURS[::-1]]
    if length == 12:
        header = struct.pack("<HHHH", WIDTH, HEIGHT, 1, 24)
    else:
        header = struct.pack("<iiHH", WIDTH, HEIGHT, 1, 24).ljust(length - 4, b"\0")
    return bmp(header, rows, file_size)


@pytest.mark.parametrize("length", [12, 16, 40, 64])
@pytest.mark.parametrize("file_size", [None, 0, 26, 70, 100_000])
def test_the_headers_of_os2(length: int, file_size: int | None) -> None:
    data = os2(length, file_size)
    assert image_formats.sniff(data[:18]) == "BMP"
    assert end(data) == len(data)
    assert end(data, SEPARATOR + data) == len(data)
    assert (shown(data)[..., :3] == COLOURS).all()


def test_what_follows_the_pixels_belongs_to_the_file_if_it_says_so() -> None:
    data = encode(picture(), "BMP")
    longer = data[:2] + struct.pack("<I", len(data) + 8) + data[6:] + b"a profile"[:8]
    assert end(longer, SEPARATOR) == len(longer)


def masked(bits: int, masks: tuple[int, ...], length: int = 40) -> bytes:
    """A BMP whose pixels have 3 bits of each channel of `COLOURS`, each under its mask."""
    values = np.zeros((HEIGHT, WIDTH), np.uint32)
    for channel, mask in enumerate(masks[:3]):
        most = mask // (mask & -mask)
        share = COLOURS[..., channel].astype(float) / 255
        values |= (np.round(share * most).astype(np.uint32) * (mask & -mask)).astype(np.uint32)
    header = struct.pack("<iiHHIIiiII", WIDTH, HEIGHT, 1, bits, 3, 0, 0, 0, 0, 0)
    header += struct.pack(f"<{len(masks)}I", *masks)
    rows = [row.astype(f"<u{bits // 8}").tobytes() for row in values[::-1]]
    data = bmp(header.ljust(length - 4, b"\0"), rows)
    return data[:14] + struct.pack("<I", length) + data[18:]


@pytest.mark.parametrize(
    ("bits", "masks", "most"),
    [
        (16, (0xF00, 0xF0, 0xF), 9),
        (16, (0xE000, 0x1C00, 0x380), 19),
        (32, (0x3FF00000, 0xFFC00, 0x3FF), 1),
        (32, (0xFF, 0xFF00, 0xFF0000), 0),
        (32, (0xFE000000, 0x01FC0000, 0x0003F800), 2),
    ],
)
def test_masks_may_be_any(bits: int, masks: tuple[int, ...], most: int) -> None:
    seen = shown(masked(bits, masks))
    assert np.abs(seen[..., :3] - COLOURS).max() <= most
    assert (seen[..., 3] == 255).all()


def test_masks_have_alpha_only_in_the_longer_headers() -> None:
    seen = shown(masked(16, (0xF00, 0xF0, 0xF, 0xF000), 56))
    assert (seen[..., 3] == 0).all()


def test_masks_for_other_depths_and_cut_pixels_are_damage() -> None:
    data = masked(16, (0xF00, 0xF0, 0xF))
    with pytest.raises(ImageError, match="masks for 8 bits"):
        list(decode.pictures(data[:28] + b"\x08" + data[29:]))
    with pytest.raises(ImageError, match="ends in the middle"):
        list(decode.pictures(data[:-1]))
    with pytest.raises(ImageError, match="more than the 10 allowed"):
        list(decode.pictures(data, max_pixels=10))
