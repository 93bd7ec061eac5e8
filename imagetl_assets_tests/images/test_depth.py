"""Pictures of other depths than 8 bits, with multiplied alpha, or with EXIF data that are wrong."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.transcode import to_gif
from imagetl_assets_tests.images.builders import decode_all, encode, picture, rgba


def greys(data: bytes) -> list[int]:
    """The grey of each pixel of a GIF of one image, row by row."""
    (image,) = decode_all(data)
    return [int(red) for red in np.asarray(image.convert("RGBA"))[..., 0].flat]


def tiff(image: Image.Image) -> bytes:
    return encode(image, "TIFF")


def test_what_is_no_number_hides_nothing_else() -> None:
    values = np.array([[np.nan, 0, 0.25, 0.5, 1, np.inf, -np.inf]], np.float32)
    assert greys(to_gif(tiff(Image.fromarray(values)))) == [0, 0, 64, 128, 255, 255, 0]


@pytest.mark.parametrize("value", [np.nan, np.inf, 7])
def test_a_picture_of_one_value_is_black(value: float) -> None:
    values = np.full((1, 2), value, np.float32)
    assert set(greys(to_gif(tiff(Image.fromarray(values))))) <= {0}


def test_16_bits_are_the_share_of_65535() -> None:
    values = np.array([[0, 257 * 100, 65535]], np.uint16)
    assert greys(to_gif(tiff(Image.fromarray(values)))) == [0, 100, 255]


def test_12_bits_are_the_share_of_4095() -> None:
    assert greys(to_gif(tiff_of_12_bits([0, 1365, 2730, 4095]))) == [0, 85, 170, 255]


def tiff_of_12_bits(values: list[int]) -> bytes:
    """A TIFF of one row, whose grey values have 12 bits each, two of them in three bytes."""
    packed = b"".join(
        bytes([one >> 4, (one & 15) << 4 | other >> 8, other & 255])
        for one, other in zip(values[::2], values[1::2], strict=True)
    )
    entries = {
        **{256: len(values), 257: 1, 258: 12, 259: 1, 262: 1, 273: 8},
        **{277: 1, 278: 1, 279: len(packed)},
    }
    rows = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in entries.items())
    head = b"II*\0" + struct.pack("<I", 8 + len(packed))
    return head + packed + struct.pack("<H", len(entries)) + rows + bytes(4)


def test_colours_that_are_multiplied_by_alpha_are_divided_again() -> None:
    image = Image.new("LA", (2, 1))
    image.putdata([(200, 255), (100, 128)])
    # The tag ExtraSamples: 2 is alpha beside the colours, 1 is alpha that they are multiplied by.
    extra_samples = struct.pack("<HHIH", 338, 3, 1, 2)
    assert extra_samples in tiff(image)
    associated = tiff(image).replace(extra_samples, struct.pack("<HHIH", 338, 3, 1, 1))
    try:
        with Image.open(io.BytesIO(associated)) as opened:
            assert opened.mode == "La"
    except UnidentifiedImageError:
        pytest.skip("this version of Pillow cannot read such a TIFF")
    assert greys(to_gif(associated)) == [200, 199]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells of wrong EXIF data
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0" + b"II*\0" + b"\xff" * 40,
        b"Exif\0\0",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x09\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
        b"\x0e\x01\x0c\0\x02\0\0\0\xff\xff\xff\xff",
    ],
    ids=["garbage", "empty", "cut", "no-text"],
)
def test_exif_data_that_are_wrong_are_no_damage(kind: str, exif: bytes) -> None:
    image = picture()
    (shown,) = decode_all(to_gif(encode(image, kind, exif=exif, lossless=True)))
    assert sorted(shown.size) == sorted(image.size)
    if kind != "JPEG" and shown.size == image.size and b"\x12\x01\x03" not in exif:
        assert shown.tobytes() == rgba(image).tobytes()


def test_what_cannot_be_read_is_told_without_names_of_objects() -> None:
    broken = encode(picture(), "PNG")[:20]
    with pytest.raises(ImageError, match="cannot be decoded") as caught:
        to_gif(broken)
    assert "0x" not in str(caught.value)


def test_what_cannot_be_read_is_named() -> None:
    jpeg = encode(picture(), "JPEG")
    depth = jpeg.index(b"\xff\xc0") + 4
    with pytest.raises(ImageError, match="cannot handle 12-bit layers"):
        to_gif(jpeg[:depth] + b"\x0c" + jpeg[depth + 1 :])
