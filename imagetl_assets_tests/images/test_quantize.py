"""Reducing pictures to 255 colours: as close as can be, and the nearest colour for each pixel."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagetl_assets.images import palette, quantize
from imagetl_assets.images.dither import Dither, bayer

Pixels = npt.NDArray[np.uint8]


def photo(width: int = 240, height: int = 160) -> Pixels:
    """Pixels (n, 3) of soft shapes of many colours, with noise."""
    source = np.random.default_rng(5)
    soft = Image.fromarray(source.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    pixels = np.asarray(soft.resize((width, height), Image.Resampling.BICUBIC), np.int64)
    return (pixels + source.integers(-6, 7, pixels.shape)).clip(0, 255).astype(np.uint8)


def with_alpha(pixels: Pixels) -> Pixels:
    flat = pixels.reshape(-1, 3)
    return np.hstack([flat, np.full((len(flat), 1), 255, np.uint8)])


def reduced(pixels: Pixels, parts: int = 1, colours: int = 255) -> tuple[Pixels, Pixels]:
    """The index of each pixel, and the palette."""
    result = quantize.reduced(lambda: iter(np.array_split(pixels, parts)), colours)
    return np.concatenate(result.indices), result.palette


def error(pixels: Pixels, shown: Pixels) -> float:
    return float(((pixels.astype(np.float64) - shown) ** 2).mean())


def nearest(pixels: Pixels, palette: Pixels) -> npt.NDArray[np.intp]:
    """The nearest colour of each pixel, by looking at all of them."""
    found = [
        ((part[:, None].astype(np.int64) - palette) ** 2).sum(2).argmin(1)
        for part in np.array_split(pixels, 50)
    ]
    return np.concatenate(found)


def test_it_is_nearly_as_close_as_k_means_of_all_pixels_until_nothing_changes() -> None:
    pixels = photo()
    indices, table = reduced(with_alpha(pixels))
    image = Image.fromarray(pixels)
    theirs = image.quantize(255, Image.Quantize.MEDIANCUT, kmeans=1).convert("RGB")
    ours = error(pixels.reshape(-1, 3), table[indices])
    assert ours <= 1.12 * error(pixels, np.asarray(theirs))
    cut = image.quantize(255, Image.Quantize.MEDIANCUT).convert("RGB")
    assert ours < 0.8 * error(pixels, np.asarray(cut))


def test_pixels_get_nearly_always_the_nearest_colour() -> None:
    pixels = with_alpha(photo())
    indices, table = reduced(pixels)
    best = error(pixels[:, :3], table[nearest(pixels[:, :3], table)])
    assert error(pixels[:, :3], table[indices]) <= 1.02 * best


def test_parts_make_no_difference() -> None:
    pixels = with_alpha(photo())
    for one, other in zip(reduced(pixels), reduced(pixels, parts=7), strict=True):
        assert (one == other).all()


def test_transparent_pixels_have_an_index_of_their_own() -> None:
    pixels = with_alpha(photo())
    pixels[::3] = 0
    indices, table = reduced(pixels)
    assert ((indices == 255) == (pixels[:, 3] == 0)).all()
    opaque = pixels[:, 3] > 0
    assert error(pixels[opaque, :3], table[indices[opaque]]) < 80
    nothing = np.zeros((50, 4), np.uint8)
    assert (reduced(nothing)[0] == 255).all()


@given(st.binary(min_size=3, max_size=3 * 64), st.integers(1, 40), st.integers(1, 255))
@settings(max_examples=100, deadline=None)
def test_whatever_the_pixels_their_colours_are_close(data: bytes, times: int, colours: int) -> None:
    flat = np.frombuffer(data[: len(data) // 3 * 3], np.uint8).reshape(-1, 3)
    pixels = with_alpha(np.repeat(flat, times, axis=0))
    indices, table = reduced(pixels, colours=colours)
    assert indices.max() < colours
    if len(flat) <= colours:  # a cell of 7 bits has two values of each channel
        assert np.abs(pixels[:, :3].astype(int) - table[indices]).max() <= 1


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 255)])
def test_a_mark_of_few_pixels_keeps_its_colour(colour: tuple[int, int, int]) -> None:
    pixels = photo() // 8 + 100
    pixels[10:17, 10:17] = colour
    indices, table = reduced(with_alpha(pixels))
    shown = table[indices].reshape(pixels.shape)[12, 12].astype(int)
    assert np.abs(shown - colour).max() < 20


@pytest.mark.parametrize("dither", [Dither.bayer, Dither.floyd_steinberg])
@pytest.mark.parametrize("alpha", [False, True])
def test_dithered_pictures_are_closer_from_afar(dither: Dither, alpha: bool) -> None:
    """The mean of areas of 8 x 8 pixels, which is what is seen from afar, of a soft sky."""
    x, y = np.meshgrid(np.arange(320), np.arange(200))
    sky = np.stack([x * 0.75, y * 1.2, 255 - x * 0.4 - y * 0.5], 2).astype(np.uint8)
    picture = Image.fromarray(sky)
    if alpha:
        picture.putalpha(Image.new("L", picture.size, 255))
        picture.paste((0, 0, 0, 0), (0, 0, 8, 200))

    def afar(image: Image.Image) -> Pixels:
        shown = image.convert("RGBA").crop((8, 0, 320, 200)).convert("RGB")
        return np.asarray(shown.resize((39, 25), Image.Resampling.BOX))

    def shown(how: Dither) -> Image.Image:
        return Image.open(io.BytesIO(palette.encode(picture, how)))

    plain = error(afar(picture), afar(shown(Dither.none)))
    share = 0.9 if dither is Dither.bayer else 0.4
    assert error(afar(picture), afar(shown(dither))) < share * plain
    if alpha:
        assert shown(dither).convert("RGBA").getchannel("A").getpixel((3, 3)) == 0


def test_the_pattern_has_each_threshold_once() -> None:
    assert np.sort(bayer().reshape(-1)).tolist() == [(n + 0.5) / 64 for n in range(64)]
