"""Colours in other spaces than sRGB. The judge is libvips, where it is installed."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from imagetl_assets.images import decode
from imagetl_assets.images.decoding.colours import in_srgb
from imagetl_assets_tests.images.builders import encode
from imagetl_assets_tests.images.pngs import with_chunks
from imagetl_assets_tests.images.profiles import (
    RED_AND_GREEN_EXCHANGED,
    SRGB,
    grey_profile,
    rgb_profile,
)

KINDS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 95},
    "TIFF": {},
    "WEBP": {"lossless": True, "exact": True},
}
WIDE = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))  # ProPhoto


def colours() -> Image.Image:
    y, x = np.mgrid[0:32, 0:32]
    return Image.fromarray(np.stack([x * 8, y * 8, (x + y) * 4], -1).astype(np.uint8))


def shown(data: bytes) -> Any:
    (picture,) = decode.pictures(data)
    return np.asarray(picture.convert("RGBA"), int)


def judged(data: bytes) -> Any:
    """The picture as libvips shows it."""
    pyvips = pytest.importorskip("pyvips", reason="needs the package pyvips[binary]")
    image = pyvips.Image.new_from_buffer(data, "")
    image = image.icc_transform("srgb", intent="perceptual", embedded=True)
    pixels = image.numpy()
    return np.asarray(Image.fromarray(pixels).convert("RGBA"), int)


MODES = [
    *((kind, mode) for kind in ("PNG", "TIFF") for mode in ("RGB", "RGBA", "P", "L")),
    *(("JPEG", "RGB"), ("JPEG", "L"), ("WEBP", "RGB"), ("WEBP", "RGBA")),
]


@pytest.mark.parametrize(("kind", "mode"), MODES)
def test_a_profile_is_applied(kind: str, mode: str) -> None:
    image = colours().quantize(200) if mode == "P" else colours().convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    profile = grey_profile(1) if mode == "L" else rgb_profile(WIDE, 1.8)
    data = encode(image, kind, icc_profile=profile, **KINDS[kind])
    seen = shown(data)
    assert np.abs(seen[..., :3] - np.asarray(image.convert("RGB"))).mean() > 8
    if mode == "RGBA":
        assert (seen[..., 3] == np.asarray(image)[..., 3]).all()
    assert np.abs(seen - judged(data)).max() <= 2


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_profile_of_a_printer_is_applied(kind: str) -> None:
    pyvips = pytest.importorskip("pyvips", reason="needs the package pyvips[binary]")
    source = pyvips.Image.new_from_array(np.asarray(colours())).copy(interpretation="srgb")
    cmyk = source.icc_transform("cmyk", intent="relative")
    data = cmyk.jpegsave_buffer(Q=95) if kind == "JPEG" else cmyk.tiffsave_buffer()
    assert np.abs(shown(data) - judged(data)).max() <= 2


def test_red_and_green_that_are_exchanged_are_exchanged_again() -> None:
    image = Image.new("RGB", (4, 4), (255, 0, 0))
    data = encode(image, "PNG", icc_profile=RED_AND_GREEN_EXCHANGED)
    red, green, blue, _ = shown(data)[0, 0]
    assert green == 255
    assert max(red, blue) < 5


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
@pytest.mark.parametrize(
    "profile",
    [b"x" * 200, rgb_profile(WIDE)[:250], b"", grey_profile(1)[:-4], rgb_profile(WIDE)[:128]],
    ids=["garbage", "cut", "empty", "cut-grey", "head"],
)
def test_a_broken_profile_is_none(mode: str, profile: bytes) -> None:
    image = colours().convert(mode)
    if "A" in mode:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    assert (
        shown(encode(image, "PNG", icc_profile=profile)) == np.asarray(image.convert("RGBA"))
    ).all()


def test_a_profile_for_other_colours_does_not_count() -> None:
    assert (
        shown(encode(colours(), "PNG", icc_profile=grey_profile(1)))[..., :3] == colours()
    ).all()
    cmyk = colours().convert("CMYK")
    with_profile = encode(cmyk, "TIFF", icc_profile=rgb_profile(WIDE))
    assert (shown(with_profile) == shown(encode(cmyk, "TIFF"))).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_a_profile_of_srgb_costs_nothing(mode: str) -> None:
    image = colours().convert(mode)
    image.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert in_srgb(image) is image


def test_cielab_is_shown() -> None:
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    image = Image.new("RGB", (3, 1))
    image.putdata([(200, 30, 60), (128, 128, 128), (20, 90, 220)])
    lab = ImageCms.applyTransform(image, to_lab)
    assert lab is not None
    difference = shown(encode(lab, "TIFF"))[..., :3] - np.asarray(image, int)
    assert np.abs(difference).max() <= 7


def linear(value: Any, power: float | None) -> Any:
    """Light, of a share of 255; the curve of sRGB unless there is a power."""
    if power is not None:
        return value**power
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def srgb(light: Any) -> Any:
    light = np.clip(light, 0, 1)
    curved = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return curved * 255


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(("gama", "power"), [(100_000, 1.0), (55_556, 1.8), (30_000, 1 / 0.3)])
def test_the_gamma_of_a_png_is_applied(mode: str, gama: int, power: float) -> None:
    image = colours().convert(mode)
    data = with_chunks(encode(image, "PNG"), gAMA=struct.pack(">I", gama))
    expected = srgb(linear(np.asarray(image.convert("RGB")) / 255, power))
    assert np.abs(shown(data)[..., :3] - expected).max() < 1.6


SRGB_CHROMATICITIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
EXCHANGED = (31270, 32900, 30000, 60000, 64000, 33000, 15000, 6000)


def test_the_primaries_of_a_png_are_applied() -> None:
    data = with_chunks(encode(colours(), "PNG"), cHRM=struct.pack(">8I", *EXCHANGED))
    assert np.abs(shown(data)[..., :3] - np.asarray(colours(), int)[..., [1, 0, 2]]).max() <= 1


@pytest.mark.parametrize(
    "chunks",
    [
        {"gAMA": struct.pack(">I", 45455)},
        {"gAMA": struct.pack(">I", 45000), "cHRM": struct.pack(">8I", *SRGB_CHROMATICITIES)},
        {"gAMA": struct.pack(">I", 0)},
        {"cHRM": struct.pack(">8I", *[0] * 8)},
        {"cHRM": struct.pack(">8I", *[30000] * 8)},
        {"sRGB": b"\0", "gAMA": struct.pack(">I", 100_000)},
        {"sRGB": b"\0", "cHRM": struct.pack(">8I", *EXCHANGED)},
    ],
    ids=[
        "gamma",
        "both",
        "no-gamma",
        "no-primaries",
        "one-primary",
        "srgb-gamma",
        "srgb-primaries",
    ],
)
def test_a_png_that_is_nearly_srgb_or_makes_no_sense_stays_as_it_is(
    chunks: dict[str, bytes],
) -> None:
    assert (shown(with_chunks(encode(colours(), "PNG"), **chunks))[..., :3] == colours()).all()


def test_a_profile_comes_before_gamma() -> None:
    data = encode(colours(), "PNG", icc_profile=rgb_profile(SRGB, 1.0))
    assert (shown(with_chunks(data, gAMA=struct.pack(">I", 45455))) == shown(data)).all()


def test_the_orientation_is_kept() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = colours().crop((0, 0, 16, 32))
    data = encode(image, "PNG", icc_profile=RED_AND_GREEN_EXCHANGED, exif=exif)
    (picture,) = decode.pictures(data)
    assert picture.size == (32, 16)


def test_a_clip_in_full_colour_has_no_profile_left() -> None:
    data = encode(colours(), "PNG", icc_profile=RED_AND_GREEN_EXCHANGED)
    (picture,) = decode.pictures(data)
    out = io.BytesIO()
    picture.save(out, "WEBP", lossless=True)
    assert (shown(out.getvalue()) == shown(data)).all()
