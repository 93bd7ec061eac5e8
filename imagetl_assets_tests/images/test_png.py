"""PNGs: what is transparent, how animated ones are composed, and which damage is noticed."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagetl_assets.images import decode
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.transcode import to_gif
from imagetl_assets_tests.images.builders import decode_all, encode, picture
from imagetl_assets_tests.images.pngs import GREY, RGB, Image, apng, chunk, png


def shown(data: bytes) -> Any:
    (image,) = decode.pictures(data)
    return np.asarray(image.convert("RGBA"), int)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("transparent", [0, 1])
def test_the_grey_that_is_transparent(bits: int, transparent: int) -> None:
    values = np.array([[0, 1, 2**bits - 1, 1, 0]])
    seen = shown(png(values[..., None], bits, GREY, [transparent]))
    assert (seen[..., 3] == np.where(values == transparent, 0, 255)).all()
    assert np.abs(seen[..., 0] - values * 255 / (2**bits - 1)).max() < 1
    (image,) = decode_all(to_gif(png(values[..., None], bits, GREY, [transparent])))
    assert (np.asarray(image)[..., 3] == seen[..., 3]).all()


@pytest.mark.parametrize(("bits", "colour_type"), [(2, GREY), (4, GREY), (16, GREY), (16, RGB)])
def test_libvips_sees_the_same_pixels_transparent(bits: int, colour_type: int) -> None:
    pyvips = pytest.importorskip("pyvips", reason="needs the package pyvips[binary]")
    channels = 3 if colour_type == RGB else 1
    values = np.random.default_rng(bits).integers(0, 2**bits, (8, 9, channels))
    values[::2, ::3] = values[0, 0]
    values[3, 3] ^= 1
    data = png(values, bits, colour_type, [int(value) for value in values[0, 0]])
    judged = pyvips.Image.new_from_buffer(data, "")
    transparent = judged.extract_band(judged.bands - 1).numpy() == 0
    assert (transparent == (shown(data)[..., 3] == 0)).all()


def test_all_16_bits_of_a_grey_count() -> None:
    values = np.array([[0x1234, 0x1235, 0x1334, 0x1234]])
    seen = shown(png(values[..., None], 16, GREY, [0x1234]))
    assert seen[0, :, 3].tolist() == [0, 255, 255, 0]


def test_all_16_bits_of_a_colour_count() -> None:
    colour = [0x1234, 0x5678, 0x9ABC]
    values = np.array([[colour, [0x1235, *colour[1:]], [*colour[:2], 0x9BBC], colour, [0, 0, 0]]])
    seen = shown(png(values, 16, RGB, colour))
    assert seen[0, :, 3].tolist() == [0, 255, 255, 0, 255]
    assert np.abs(seen[0, :, :3] - values[0] / 257).max() < 1.1


def test_only_the_bits_of_the_depth_count() -> None:
    values = np.array([[[1, 2, 3], [1, 2, 4]]])
    assert shown(png(values, 8, RGB, [0x0101, 0xFF02, 0x0003]))[0, :, 3].tolist() == [0, 255]


@st.composite
def animations(draw: st.DrawFn) -> tuple[tuple[int, int], list[Image]]:
    width, height = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    images = []
    for number in range(draw(st.integers(1, 6))):
        left = draw(st.integers(0, width - 1)) if number else 0
        top = draw(st.integers(0, height - 1)) if number else 0
        columns = draw(st.integers(1, width - left)) if number else width
        rows = draw(st.integers(1, height - top)) if number else height
        random = np.random.default_rng(draw(st.integers(0, 1 << 30)))
        pixels = random.integers(0, 256, (rows, columns, 4), np.uint8)
        pixels[..., 3] = random.choice([0, 60, 128, 255], (rows, columns))
        disposal, blend = draw(st.integers(0, 2)), draw(st.integers(0, 1))
        images.append(Image(pixels, left, top, disposal, blend, draw(st.integers(0, 9))))
    return (width, height), images


def composed(size: tuple[int, int], images: list[Image]) -> list[Any]:
    """The images as the specification says, computed with fractions (rows, columns, 4)."""
    canvas = np.zeros((size[1], size[0], 4))
    seen = []
    for number, image in enumerate(images):
        rows, columns = image.pixels.shape[:2]
        area = slice(image.top, image.top + rows), slice(image.left, image.left + columns)
        before = canvas.copy()
        new = image.pixels / 255.0
        if image.blend:
            old, alpha = canvas[area], new[..., 3:]
            total = alpha + old[..., 3:] * (1 - alpha)
            colour = new[..., :3] * alpha + old[..., :3] * old[..., 3:] * (1 - alpha)
            new = np.concatenate([colour / np.where(total, total, 1), total], -1)
        canvas[area] = new
        seen.append(canvas.copy())
        if image.disposal == 1 or (image.disposal == 2 and number == 0):
            canvas[area] = 0
        elif image.disposal == 2:
            canvas = before
    return seen


@given(animations())
@settings(max_examples=60, deadline=None)
def test_animated_pngs_are_composed_as_the_specification_says(
    animation: tuple[tuple[int, int], list[Image]],
) -> None:
    size, images = animation
    data = apng(size, images)
    found = list(decode.shown_pictures(io.BytesIO(data)))
    assert [duration for _, duration in found] == [image.delay * 100 for image in images]
    for (image, _), expected in zip(found, composed(size, images), strict=True):
        seen = np.asarray(image.convert("RGBA")) / 255
        assert np.abs(seen[..., 3] - expected[..., 3]).max() < 0.02
        # Colours of pixels that are nearly transparent are known to a few bits only.
        assert (np.abs(seen - expected)[..., :3].max(-1) * expected[..., 3]).max() < 0.03


def test_the_judge_of_ffmpeg_sees_the_same_animation() -> None:
    av = pytest.importorskip("av", reason="needs the package av")
    opaque, half = np.full((4, 4, 4), 255, np.uint8), np.full((2, 2, 4), 128, np.uint8)
    images = [
        Image(opaque, disposal=0),
        Image(half, 1, 1, disposal=2, blend=1),
        Image(half, 2, 0, disposal=1, blend=1),
        Image(half, 0, 2, disposal=0, blend=1),
    ]
    data = apng((4, 4), images)
    with av.open(io.BytesIO(data), format="apng") as container:
        judged = [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]
    seen = [np.asarray(one.convert("RGBA"), int) for one in decode.pictures(data)]
    assert len(seen) == len(judged)
    assert max(np.abs(a - b).max() for a, b in zip(seen, judged, strict=True)) <= 2


def test_the_image_for_what_cannot_animate_is_left_out() -> None:
    red, blue = (np.full((2, 2, 4), (*c, 255), np.uint8) for c in ((255, 0, 0), (0, 0, 255)))
    (one,) = decode.pictures(apng((2, 2), [Image(blue)], still=red))
    assert one.convert("RGB").getpixel((0, 0)) == (0, 0, 255)


def test_an_animation_that_makes_no_sense_is_damaged() -> None:
    images = [Image(np.zeros((2, 2, 4), np.uint8)) for _ in range(3)]
    data = apng((2, 2), images)
    missing = data.replace(b"acTL" + data[41:45], b"acTL\0\0\0\4")
    for wrong, problem in (
        (fixed(missing), "fewer images"),
        (apng((1, 2), images), "larger than all of it|invalid frames"),
        (apng((2, 2), [images[0], images[1]._replace(left=1)]), "larger than all|invalid frames"),
    ):
        with pytest.raises(ImageError, match=problem):
            list(decode.pictures(wrong))


def fixed(data: bytes) -> bytes:
    """The PNG with right checksums."""
    at, parts = 8, [data[:8]]
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        parts.append(chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join(parts)


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"IEND"])
def test_a_wrong_checksum_is_damage(kind: bytes) -> None:
    image = picture(size=(40, 30)).quantize(4)
    data = bytearray(encode(image, "PNG", transparency=1))
    start = data.index(kind)
    data[start + 4 + int.from_bytes(data[start - 4 : start], "big")] ^= 1
    with pytest.raises(ImageError, match=f"checksum of a PNG chunk .{kind.decode()}. is wrong"):
        list(decode.pictures(bytes(data)))


@pytest.mark.parametrize("name", [b"\0LTE", b"pLTE"])
def test_a_png_whose_palette_got_lost_is_damaged(name: bytes) -> None:
    data = encode(picture(size=(40, 30)).quantize(4), "PNG").replace(b"PLTE", name)
    problem = "palette is missing" if name == b"pLTE" else "checksum"
    with pytest.raises(ImageError, match=problem):
        to_gif(data)
    with pytest.raises(ImageError, match="palette is missing"):
        to_gif(fixed(data.replace(b"\0LTE", b"pLTE")))


def test_any_byte_of_the_pixels_that_is_changed_is_noticed() -> None:
    data = encode(picture(size=(40, 30)), "PNG")
    start = data.index(b"IDAT") + 4
    for at in range(start, data.index(b"IEND") - 8):
        changed = bytearray(data)
        changed[at] ^= 0x10
        with pytest.raises(ImageError):
            list(decode.pictures(bytes(changed)))


def test_damage_in_what_need_not_be_known_is_none() -> None:
    data = encode(picture(), "PNG")
    text = bytearray(chunk(b"tEXt", b"Comment\0of no use"))
    text[-1] ^= 1
    assert (shown(data[:33] + bytes(text) + data[33:]) == shown(data)).all()


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (b"gAMA", b"\0"),
        (b"cHRM", b"\0\0\0\1"),
        (b"sRGB", b""),
        (b"pHYs", b"\0" * 5),
        (b"iCCP", b"name\0\0" + zlib.compress(bytes(3 << 20))),
        (b"iCCP", b"name\0\1method"),
        (b"iCCP", b"no end"),
        (b"zTXt", b"name\0\0" + zlib.compress(bytes(3 << 20))),
        (b"zTXt", b"name\0\1method"),
        (b"iTXt", b"name\0\1\0en\0\0" + zlib.compress(bytes(3 << 20))),
        (b"iTXt", b"name\0\1\1en\0\0text"),
        (b"iTXt", b"name\0"),
    ],
)
def test_what_need_not_be_known_and_cannot_be_read_is_no_damage(
    kind: bytes, content: bytes
) -> None:
    data = encode(picture(), "PNG")
    assert (shown(data[:33] + chunk(kind, content) + data[33:]) == shown(data)).all()
