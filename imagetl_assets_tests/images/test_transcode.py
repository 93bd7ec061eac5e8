"""Conversion to GIF: exact where GIF can be, close where it cannot, and safe."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagetl_assets.images import gif
from imagetl_assets.images.edit import Edit
from imagetl_assets.images.errors import ImageError, ResizeError
from imagetl_assets.images.transcode import join, to_gif
from imagetl_assets_tests.images.builders import (
    Gif,
    Picture,
    decode_all,
    encode,
    one_of_each,
    picture,
    rgba,
    still,
)


def gradient(width: int = 160, height: int = 120) -> Image.Image:
    """A picture of far more than 256 colours."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = x * 255 // (width - 1), y * 255 // (height - 1)
    blue = (np.sin(x / 20) * np.cos(y / 30) * 127 + 128).astype(int)
    return Image.fromarray(np.stack([red, green, blue], -1).astype(np.uint8))


def shown(data: bytes) -> Image.Image:
    (image,) = decode_all(data)
    return image


@given(st.binary(min_size=1, max_size=400), st.integers(1, 20), st.sampled_from(["PNG", "WEBP"]))
@settings(max_examples=100, deadline=None)
def test_few_colours_are_exact(data: bytes, width: int, kind: str) -> None:
    """100 pixels or less, of any colours, each opaque or transparent."""
    pixels = [(*data[i : i + 3].ljust(3, b"\0"), 255 * (i % 3 > 0)) for i in range(0, len(data), 4)]
    width = min(width, len(pixels))
    image = Image.new("RGBA", (width, len(pixels) // width))
    image.putdata(pixels[: image.width * image.height])
    source = encode(image, kind, lossless=True, exact=True)
    assert shown(to_gif(source)).tobytes() == rgba(image).tobytes()


@pytest.mark.parametrize("transparent", [0, 1, 2])
def test_256_colours_are_exact_only_if_transparency_is_one_of_them(transparent: int) -> None:
    image = Image.new("RGBA", (16, 17))
    image.putdata([(i % 256, 255 - i % 256, i // 2, 255) for i in range(256)] + [(9, 9, 9, 0)] * 16)
    for x in range(16):
        if not transparent:
            image.putpixel((x, 16), (0, 255, 0, 255))
    if transparent == 1:
        image.putpixel((0, 0), image.getpixel((1, 0)) or 0)
    converted = shown(to_gif(encode(image, "PNG")))
    exact = converted.tobytes() == rgba(image).tobytes()
    assert exact == (transparent < 2)
    assert converted.getchannel("A").tobytes() == image.getchannel("A").tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA"])
def test_palette_and_grey_modes_are_exact(mode: str) -> None:
    image = gradient().convert("L").convert(mode) if mode != "P" else gradient().quantize(256)
    assert shown(to_gif(encode(image, "PNG"))).tobytes() == rgba(image).tobytes()


def test_alpha_below_one_half_is_transparent() -> None:
    image = Image.new("RGBA", (4, 1))
    image.putdata([(10, 20, 30, alpha) for alpha in (0, 127, 128, 255)])
    converted = shown(to_gif(encode(image, "PNG")))
    assert list(converted.getchannel("A").tobytes()) == [0, 0, 255, 255]
    assert converted.getpixel((2, 0)) == (10, 20, 30, 255)


@pytest.mark.parametrize("alpha", [False, True])
def test_many_colours_come_close(alpha: bool) -> None:
    image = gradient()
    if alpha:
        image.putalpha(Image.radial_gradient("L").resize(image.size))
    converted = shown(to_gif(encode(image, "PNG")))
    opaque = np.asarray(converted)[..., 3] == 255
    assert (opaque == (np.asarray(image.convert("RGBA"))[..., 3] >= 128)).all()
    difference = np.asarray(converted)[opaque][:, :3].astype(float)
    difference -= np.asarray(image.convert("RGB"))[opaque]
    assert (difference**2).mean() < 100  # 28 dB; Pillow's own reduction has about the same
    assert gif.parse(to_gif(encode(image, "PNG"))).images[0].palette_length == 768


def test_an_index_is_left_for_transparency() -> None:
    frames = [to_gif(encode(gradient(), "PNG")), to_gif(encode(gradient(170, 130), "PNG"))]
    first, second = decode_all(join(frames))
    assert first.getpixel((165, 125)) == (0, 0, 0, 0)
    assert first.crop((0, 0, 160, 120)) == shown(frames[0])
    assert second == shown(frames[1])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    image = Image.new("RGB", (32, 16))
    image.paste((255, 255, 255), (0, 0, 16, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = shown(to_gif(encode(image, "JPEG", exif=exif, quality=100)))
    width, height = upright.size
    assert (width > height) == (orientation < 5)
    corners = [(2, 2), (width - 3, 2), (width - 3, height - 3), (2, height - 3)]
    bright = [(upright.getpixel(corner) or (0,))[0] > 200 for corner in corners]  # type: ignore[index]
    # Where EXIF says that the stored upper left corner is seen: clockwise from the upper left.
    assert bright.index(True) == {1: 0, 2: 1, 3: 2, 4: 3, 5: 0, 6: 1, 7: 2, 8: 3}[orientation]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "TIFF"])
def test_animated_inputs_give_all_images(kind: str) -> None:
    images = [picture(number) for number in range(4)]
    out = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    images[0].save(out, kind, save_all=True, append_images=images[1:], **options)
    converted = decode_all(to_gif(out.getvalue()))
    assert [image.tobytes() for image in converted] == [rgba(image).tobytes() for image in images]


def test_the_still_of_an_animated_png_is_not_shown() -> None:
    images = [picture(number) for number in range(3)]
    out = io.BytesIO()
    images[0].save(out, "PNG", save_all=True, append_images=images[1:], default_image=True)
    assert [i.tobytes() for i in decode_all(to_gif(out.getvalue()))] == [
        rgba(image).tobytes() for image in images[1:]
    ]


def test_the_previews_of_a_photo_are_not_shown() -> None:
    out = io.BytesIO()
    picture().save(out, "MPO", save_all=True, append_images=[picture(1)])
    assert len(decode_all(to_gif(out.getvalue()))) == 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey(kind: str) -> None:
    values = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    converted = shown(to_gif(encode(Image.fromarray(values), kind)))
    expected = np.rint(values / 257)
    assert np.abs(np.asarray(converted)[..., 0] - expected).max() <= 1


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_measured_values_use_all_greys(dtype: type[np.generic]) -> None:
    values = np.linspace(-5000, 90000, 64).reshape(8, 8).astype(dtype)
    grey = np.asarray(shown(to_gif(encode(Image.fromarray(values), "TIFF"))))[..., 0]
    assert (grey.min(), grey.max()) == (0, 255)
    assert (np.diff(grey.ravel().astype(int)) >= 0).all()


def test_cmyk_jpeg() -> None:
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red, green, blue, _ = np.asarray(shown(to_gif(encode(image, "JPEG", quality=100))))[0, 0]
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize(
    ("resize", "size"), [(80, (80, 60)), (0.5, (80, 60)), (2.0, (320, 240)), (1, (1, 1))]
)
def test_resize(resize: int | float, size: tuple[int, int]) -> None:
    image = gradient()
    for kind in ("PNG", "GIF"):
        assert shown(to_gif(encode(image, kind), edit=Edit(resize))).size == size


def test_resize_keeps_edges_of_transparency_clean() -> None:
    image = Image.new("RGBA", (40, 40), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 20, 40))
    converted = shown(to_gif(encode(image, "PNG"), edit=Edit(13)))
    assert {pixel[:2] for _, pixel in converted.getcolors() or () if pixel[3]} == {(255, 0)}  # type: ignore[index]


@pytest.mark.parametrize("resize", [0, -1, 0.0, float("nan")])
def test_resize_to_nothing(resize: float) -> None:
    with pytest.raises(ValueError, match="resize"):
        to_gif(encode(gradient(), "PNG"), edit=Edit(resize))


@pytest.mark.parametrize("kind", one_of_each())
def test_pixel_limit(kind: str) -> None:
    data = one_of_each()[kind]
    assert to_gif(data, max_pixels=63)
    with pytest.raises(ImageError, match="allowed"):
        to_gif(data, max_pixels=5)
    if kind != "GIF":
        with pytest.raises(ResizeError, match="allowed"):
            to_gif(data, max_pixels=1000, edit=Edit(900))


def test_pixel_limit_of_an_animation() -> None:
    small = [Picture(1, 1, b"\0", bytes(12))] * 40
    data = Gif(100, 100, small).encode()
    with pytest.raises(ImageError, match="animation"):
        to_gif(data, max_pixels=10_000)
    out = io.BytesIO()
    images = [picture(number) for number in range(40)]
    images[0].save(out, "WEBP", save_all=True, append_images=images[1:], lossless=True)
    with pytest.raises(ImageError, match="animation"):
        to_gif(out.getvalue(), max_pixels=63)


def test_the_pixel_limit_of_an_animation_is_that_of_one_that_is_stored_as_it_is() -> None:
    """Its pixels are decoded once, to be sure of them."""
    whole = [Picture(10, 10, bytes(100), bytes(12))] * 5
    assert to_gif(Gif(10, 10, whole[:4]).encode(), max_pixels=100)
    with pytest.raises(ImageError, match="the animation has more than 400 pixels"):
        to_gif(Gif(10, 10, whole).encode(), max_pixels=100)


def test_a_large_screen_is_refused_before_it_is_made() -> None:
    with pytest.raises(ImageError, match="allowed"):
        to_gif(Gif(65535, 65535, [Picture(1, 1, b"\0", bytes(12))]).encode())


@pytest.mark.filterwarnings("ignore:::PIL")
@pytest.mark.parametrize("kind", one_of_each())
def test_damaged_pictures_raise_one_error(kind: str) -> None:
    data = one_of_each()[kind]
    for length in range(0, len(data) - 20, max(1, len(data) // 40)):
        with pytest.raises(ImageError):
            to_gif(data[:length])
    for i in range(0, len(data), max(1, len(data) // 60)):
        changed = data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :]
        with contextlib.suppress(ImageError):
            to_gif(changed, max_pixels=10_000)


@pytest.mark.parametrize("data", [b"", b"text", b"%PDF-1.4", encode(picture(), "PPM")])
def test_other_formats_are_refused(data: bytes) -> None:
    with pytest.raises(ImageError):
        to_gif(data)


def test_an_animation_of_whole_opaque_images_is_returned_as_it_is() -> None:
    clip = join([still(0), still(1)])
    assert to_gif(clip) is clip


def striped(every: int) -> Image.Image:
    """A picture in warm colours, of which some rows are those of another one in cold colours."""
    warm, cold = (np.asarray(gradient(640, 480)).copy() for _ in range(2))
    warm[..., 2] //= 8
    cold[..., 0] //= 8
    warm[::every] = cold[::every]
    return Image.fromarray(warm)


@pytest.mark.parametrize("every", [2, 3, 6, 8])
def test_no_colours_are_lost_because_they_are_in_some_rows_only(every: int) -> None:
    image = striped(every)
    difference = np.asarray(shown(to_gif(encode(image, "PNG"))).convert("RGB"), float)
    difference -= np.asarray(image, float)
    assert np.abs(difference).mean() < 6


def test_a_small_mark_keeps_its_colour() -> None:
    pixels = np.asarray(gradient(1920, 1080)).copy()
    pixels[..., 0] //= 4
    pixels[500:514, 900:914] = (255, 0, 0)
    image = shown(to_gif(encode(Image.fromarray(pixels), "PNG")))
    mark = np.asarray(image.convert("RGB"), int)[507, 907]
    assert np.abs(mark - (255, 0, 0)).max() < 40
