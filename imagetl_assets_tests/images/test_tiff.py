"""TIFFs: which pages are shown, and kinds that Pillow reads wrongly or not at all."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from imagetl_assets.images import bundle, decode
from imagetl_assets.images.decoding import tiff_pages
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.transcode import to_gif
from imagetl_assets_tests.images.builders import SEPARATOR, decode_all, encode, picture, still

y, x = np.mgrid[0:24, 0:32]
COLOURS = np.stack([x * 7, y * 9, (x + y) * 4], -1).astype(np.uint8)
DEEP = COLOURS.astype(np.uint16) * 257
INK = np.concatenate([~COLOURS, np.zeros((24, 32, 1), np.uint8)], -1)
SHARES = COLOURS.astype(np.float32) / 255


def tiff(values: Any, **options: Any) -> bytes:
    """A TIFF by tifffile."""
    tifffile = pytest.importorskip("tifffile", reason="needs the extra tiff")
    pytest.importorskip("imagecodecs", reason="needs the extra tiff")
    out = io.BytesIO()
    tifffile.imwrite(out, values, **{"photometric": "rgb", **options})
    return out.getvalue()


def planes(values: Any) -> Any:
    return np.moveaxis(values, -1, 0)


def shown(data: bytes) -> Any:
    (image,) = decode.pictures(data)
    return np.asarray(image.convert("RGB"), int)


SEPARATE = {"planarconfig": "separate"}
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "planes-16": (planes(DEEP), SEPARATE),
    "planes-16-deflate": (planes(DEEP), {**SEPARATE, "compression": "zlib"}),
    "planes-16-tiles": (planes(DEEP), {**SEPARATE, "tile": (16, 16)}),
    "large-tiles-deflate": (COLOURS, {"tile": (256, 256), "compression": "zlib"}),
    "strips-deflate": (COLOURS, {"rowsperstrip": 7, "compression": "zlib"}),
    "planes-16-big-endian": (planes(DEEP), {**SEPARATE, "byteorder": ">"}),
    "planes-16-alpha": (
        planes(np.concatenate([DEEP, DEEP[..., :1] | 65535], -1)),
        {**SEPARATE, "extrasamples": [2]},
    ),
    "planes-16-cmyk": (
        planes(INK.astype(np.uint16) * 257),
        {**SEPARATE, "photometric": "separated"},
    ),
    "float": (SHARES, {}),
    "float-half": (SHARES.astype(np.float16), {}),
    "float-double": (SHARES.astype(np.float64), {"compression": "zlib", "predictor": 3}),
    "32-bits": (DEEP.astype(np.uint32) * 65537, {}),
    "5-channels": (np.concatenate([COLOURS, COLOURS[..., :2]], -1), {"extrasamples": [0, 0]}),
    "bigtiff": (COLOURS, {"bigtiff": True}),
    "bigtiff-big-endian": (COLOURS, {"bigtiff": True, "byteorder": ">"}),
    "jpeg-2000": (COLOURS, {"compression": "jpeg2000"}),
    "lerc": (COLOURS, {"compression": "lerc"}),
    "png": (COLOURS, {"compression": "png"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_rare_kind_is_shown(kind: str) -> None:
    values, options = KINDS[kind]
    assert np.abs(shown(tiff(values, **options)) - COLOURS).max() <= 1


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32])
def test_of_signed_colours_the_lowest_is_black_and_the_highest_white(kind: Any) -> None:
    values = np.array([[[-100, 0, 100], [100, -100, 0]]], kind)
    assert shown(tiff(values)).tolist() == [[[0, 128, 255], [255, 0, 128]]]


def test_libvips_sees_the_same_planes() -> None:
    pyvips = pytest.importorskip("pyvips", reason="needs the package pyvips[binary]")
    data = tiff(planes(DEEP), **SEPARATE)
    judged = pyvips.Image.new_from_buffer(data, "").colourspace("srgb").numpy()
    assert np.abs(shown(data) - judged).max() <= 1


def test_float_colours_beyond_1_are_stretched_and_no_number_is_black() -> None:
    values = np.array([[[0, 2, 4], [np.nan, np.inf, -np.inf]]], np.float32)
    assert shown(tiff(values)).tolist() == [[[0, 128, 255], [0, 255, 0]]]


@pytest.mark.parametrize("kind", ["float", "bigtiff-big-endian", "lerc"])
def test_without_tifffile_the_kind_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values, options = KINDS[kind]
    data = tiff(values, **options)
    monkeypatch.setitem(sys.modules, "tifffile", None)
    name = {"float": "RGB, 3 x 32 bits float", "lerc": "compressed with LERC"}
    with pytest.raises(ImageError, match=name.get(kind, "big-endian BigTIFF")) as caught:
        to_gif(data)
    assert "imagetl-assets[tiff]" in str(caught.value)


def test_what_cannot_be_shown_is_named() -> None:
    with pytest.raises(ImageError, match="CIELAB, 3 x 16 bits unsigned"):
        to_gif(tiff(DEEP, photometric="cielab"))


def page(number: int, subfile_type: int | None = None, tag: int = 254) -> Image.Image:
    made = picture(number)
    made.encoderinfo = {}
    if subfile_type is not None:
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[tag] = subfile_type
        made.encoderinfo = {"tiffinfo": tags}
    return made


def pages(*made: Image.Image) -> bytes:
    return encode(made[0], "TIFF", save_all=True, append_images=made[1:], **made[0].encoderinfo)


def test_smaller_versions_and_masks_are_no_frames() -> None:
    data = pages(page(0), page(1, 1), page(2, 4), page(3, 2), page(4, 0), page(5, 2, 255))
    found = tiff_pages.pages(io.BytesIO(data))
    assert tiff_pages.shown(found) == [0, 3, 4]
    spans = list(bundle.find_frames(io.BytesIO(data)))
    assert [span.number for span in spans] == [0, 1, 2]
    images = [image.tobytes() for image, _ in decode.shown_pictures(io.BytesIO(data))]
    assert images == [picture(number).tobytes() for number in (0, 3, 4)]


def test_in_other_bundles_the_image_is_shown_without_its_thumbnail() -> None:
    data = pages(page(0, 1), page(1, 0))
    spans = list(bundle.find_frames(io.BytesIO(SEPARATOR.join([data, still()]))))
    assert [isinstance(span, bundle.FrameSpan) for span in spans] == [True, True]
    (image,) = decode_all(to_gif(data))
    assert image.convert("RGB").tobytes() == picture(1).tobytes()


def test_of_thumbnails_alone_the_first_is_shown() -> None:
    (image,) = decode.pictures(pages(page(0, 1), page(1, 1)))
    assert image.tobytes() == picture(0).tobytes()


@pytest.mark.parametrize("method", ["tiff_adobe_deflate", "tiff_deflate"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_a_changed_byte_of_deflated_pixels_is_noticed(
    method: str, tile: tuple[int, int] | None
) -> None:
    if tile:
        data = tiff(COLOURS, tile=tile, compression="zlib")
    else:
        data = encode(Image.fromarray(COLOURS), "TIFF", compression=method)
    (found,) = tiff_pages.pages(io.BytesIO(data))
    for offset, length in found.parts:
        for at in range(offset, offset + length, 7):
            changed = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
            with pytest.raises(ImageError):
                list(decode.pictures(changed))


def test_a_bomb_of_deflated_pixels_is_stopped() -> None:
    data = encode(Image.new("L", (16, 16)), "TIFF", compression="tiff_adobe_deflate")
    (found,) = tiff_pages.pages(io.BytesIO(data))
    packed = zlib.compress(bytes(found.most_bytes + 1))
    bomb = data + packed
    for value, other in zip(found.parts[0], (len(data), len(packed)), strict=True):
        at = bomb.rindex(value.to_bytes(4, "little"), 0, len(data))
        bomb = bomb[:at] + other.to_bytes(4, "little") + bomb[at + 4 :]
    with pytest.raises(ImageError, match="more than it says"):
        list(decode.pictures(bomb))


def test_directories_in_a_circle_end() -> None:
    data = bytearray(pages(page(0)))
    (at,) = np.frombuffer(data[4:8], "<u4")
    count = int.from_bytes(data[at : at + 2], "little")
    data[at + 2 + 12 * count : at + 6 + 12 * count] = int(at).to_bytes(4, "little")
    assert len(tiff_pages.pages(io.BytesIO(bytes(data)))) == 1


def test_directories_that_are_too_large_are_refused() -> None:
    offsets = struct.pack("<HHII", 273, 4, 1 << 19, 8)
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", 3) + offsets * 3 + bytes(4 << 19)
    with pytest.raises(ImageError, match="too large"):
        tiff_pages.pages(io.BytesIO(data))
