"""AVIF, HEIF, JPEG 2000 and JPEG XL: found in bundles of all kinds, decoded, or refused by name."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image

from imagetl_assets.images import bundle, decode
from imagetl_assets.images.bundle import FrameSpan
from imagetl_assets.images.bundles.animation import Animation
from imagetl_assets.images.bundles.four_newlines import FourNewlines
from imagetl_assets.images.decoding import jpeg_xl
from imagetl_assets.images.errors import BundleError, ImageError
from imagetl_assets.images.image_formats import FORMATS
from imagetl_assets.images.window import Window
from imagetl_assets_tests.images.archives import tarred, zipped
from imagetl_assets_tests.images.builders import OTHERS, SEPARATOR, encode_other, still

EXTENSIONS = {"AVIF": "avif", "HEIF": "heic", "JPEG2000": "jp2", "JXL": "jxl"}


@pytest.fixture(params=OTHERS)
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    if missing := FORMATS[kind].missing():
        pytest.skip(missing)
    return kind


def image(mode: str = "RGB") -> Image.Image:
    y, x = np.mgrid[0:24, 0:32]
    made = Image.fromarray(np.stack([x * 7, y * 9, (x + y) * 4], -1).astype(np.uint8))
    if mode == "RGBA":
        made.putalpha(Image.linear_gradient("L").resize(made.size))
    return made


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_they_are_decoded(kind: str, mode: str) -> None:
    (shown,) = decode.pictures(encode_other(image(mode), kind))
    assert shown.mode == mode
    difference = np.asarray(shown, int) - np.asarray(image(mode), int)
    assert np.abs(difference).max() <= (20 if kind in ("AVIF", "HEIF") else 0)


def test_they_are_found_in_bundles_of_all_kinds(kind: str) -> None:
    data = encode_other(image(), kind)
    names = {f"a.{EXTENSIONS[kind]}": data, "b": data, "c.gif": still()}
    for whole in (SEPARATOR.join([data, still(), data]), zipped(names), tarred(names)):
        assert bundle.looks_like_bundle(whole[:512]) is None
        found = list(bundle.find_frames(io.BytesIO(whole)))
        assert sorted(p.format for p in found if isinstance(p, FrameSpan)) == sorted(
            [kind, kind, "GIF"]
        )
    alone = list(bundle.find_frames(io.BytesIO(data)))
    assert [(p.offset, p.length) for p in alone] == [(0, len(data))]


def test_what_follows_without_a_separator_is_noticed(kind: str) -> None:
    data = encode_other(image(), kind)
    first, second = bundle.find_frames(io.BytesIO(data + data))
    assert isinstance(first, bundle.DamagedFrame)
    assert (second.offset, second.length) == (len(data), len(data))


def test_a_cut_one_is_damaged(kind: str) -> None:
    data = encode_other(image(), kind)
    for length in (len(data) // 2, len(data) - 20):
        with pytest.raises(ImageError):
            list(decode.pictures(data[:length]))
        first, second = bundle.find_frames(io.BytesIO(data[:length] + SEPARATOR + still()))
        assert isinstance(first, bundle.DamagedFrame)
        assert isinstance(second, FrameSpan)


def test_one_with_too_many_pixels_is_refused(kind: str) -> None:
    with pytest.raises(ImageError, match="32 x 24 pixels are more than the 700 allowed"):
        list(decode.pictures(encode_other(image(), kind), max_pixels=700))


@pytest.mark.parametrize(("kind", "module"), [("HEIF", "pillow_heif"), ("JXL", "pillow_jxl")])
def test_without_the_plugin_it_is_refused_by_name(
    kind: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(module)
    data = encode_other(image(), kind)
    monkeypatch.setitem(sys.modules, module, None)
    bundle.missing_for.cache_clear()
    expected = rf"format {kind}.*{module} is not installed \(pip install .imagetl-assets\[formats\]"
    try:
        for whole in (SEPARATOR.join([still(), data]), zipped({"a.gif": still(), "b": data})):
            with pytest.raises(BundleError, match=f"frame 1.*{expected}"):
                list(bundle.find_frames(io.BytesIO(whole)))
    finally:
        bundle.missing_for.cache_clear()
    with pytest.raises(ImageError, match=expected):
        list(decode.pictures(data))


def test_a_codestream_alone_is_found_between_newlines() -> None:
    pytest.importorskip("pillow_jxl", reason="needs the extra formats")
    bare = encode_other(image(), "JXL", use_container=False)
    assert bare.startswith(b"\xff\x0a")
    jpeg_2000 = encode_other(image(), "JPEG2000", no_jp2=True)
    whole = SEPARATOR.join([bare, jpeg_2000, bare, still(), bare])
    found = list(bundle.find_frames(io.BytesIO(whole + SEPARATOR)))
    formats = [p.format for p in found if isinstance(p, FrameSpan)]
    assert formats == ["JXL", "JPEG2000", "JXL", "GIF", "JXL"]
    assert [p.length for p in found][:3] == [len(bare), len(jpeg_2000), len(bare)]


@pytest.mark.parametrize("container", [True, False])
@pytest.mark.parametrize(
    "size", [(1, 1), (8, 8), (32, 24), (513, 1), (300, 200), (64, 36), (120, 100), (9000, 2)]
)
def test_the_size_of_a_jpeg_xl_is_known_before_it_is_decoded(
    size: tuple[int, int], container: bool
) -> None:
    pytest.importorskip("pillow_jxl", reason="needs the extra formats")
    data = encode_other(Image.new("L", size), "JXL", use_container=container)
    assert jpeg_xl.size(data) == size


@pytest.mark.parametrize("data", [b"", b"\0" * 40, b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\0jxlp"])
def test_a_jpeg_xl_without_a_codestream_is_damaged(data: bytes) -> None:
    with pytest.raises(ImageError, match="no codestream"):
        jpeg_xl.size(data)


def test_the_orientation_of_a_jpeg_xl_is_that_of_its_codestream() -> None:
    pytest.importorskip("pillow_jxl", reason="needs the extra formats")
    exif = Image.Exif()
    exif[0x0112] = 6
    (shown,) = decode.pictures(encode_other(image(), "JXL", exif=exif.tobytes()))
    assert shown.size == image().size


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_the_orientation_is_that_of_the_container(kind: str) -> None:
    if missing := FORMATS[kind].missing():
        pytest.skip(missing)
    exif = Image.Exif()
    exif[0x0112] = 6
    (shown,) = decode.pictures(encode_other(image(), kind, exif=exif.tobytes()))
    assert shown.size == image().size[::-1]


def test_of_a_heif_only_the_main_image_is_shown() -> None:
    pytest.importorskip("pillow_heif", reason="needs the extra formats")
    others = [Image.new("RGB", (16, 16), "red"), image()]
    data = encode_other(image(), "HEIF", save_all=True, append_images=others)
    (shown,) = decode.pictures(data)
    assert shown.size == image().size
    assert FourNewlines().recognises(Window.over(data))
    assert not Animation().recognises(Window.over(data))


def test_an_animated_avif_is_a_frame_for_each_image() -> None:
    if missing := FORMATS["AVIF"].missing():
        pytest.skip(missing)
    images = [image().rotate(angle) for angle in (180, 0)]
    data = encode_other(image(), "AVIF", save_all=True, append_images=images, duration=40)
    found = list(bundle.find_frames(io.BytesIO(data)))
    assert [piece.number for piece in found] == [0, 1, 2]
    assert [time for _, time in decode.shown_pictures(io.BytesIO(data))] == [40, 40, 40]
