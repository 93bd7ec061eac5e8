"""Reducing pictures to 255 colours: as close as can be, and the nearest colour for each pixel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagetl_assets.images import quantize

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
    indices, palette = reduced(with_alpha(pixels))
    image = Image.fromarray(pixels)
    theirs = image.quantize(255, Image.Quantize.MEDIANCUT, kmeans=1).convert("RGB")
    ours = error(pixels.reshape(-1, 3), palette[indices])
    assert ours <= 1.12 * error(pixels, np.asarray(theirs))
    cut = image.quantize(255, Image.Quantize.MEDIANCUT).convert("RGB")
    assert ours < 0.8 * error(pixels, np.asarray(cut))


def test_pixels_get_nearly_always_the_nearest_colour() -> None:
    pixels = with_alpha(photo())
    indices, palette = reduced(pixels)
    best = error(pixels[:, :3], palette[nearest(pixels[:, :3], palette)])
    assert error(pixels[:, :3], palette[indices]) <= 1.02 * best


def test_parts_make_no_difference() -> None:
    pixels = with_alpha(photo())
    for one, other in zip(reduced(pixels), reduced(pixels, parts=7), strict=True):
        assert (one == other).all()


def test_transparent_pixels_have_an_index_of_their_own() -> None:
    pixels = with_alpha(photo())
    pixels[::3] = 0
    indices, palette = reduced(pixels)
    assert ((indices == 255) == (pixels[:, 3] == 0)).all()
    opaque = pixels[:, 3] > 0
    assert error(pixels[opaque, :3], palette[indices[opaque]]) < 80
    nothing = np.zeros((50, 4), np.uint8)
    assert (reduced(nothing)[0] == 255).all()


@given(st.binary(min_size=3, max_size=3 * 64), st.integers(1, 40), st.integers(1, 255))
@settings(max_examples=100, deadline=None)
def test_whatever_the_pixels_their_colours_are_close(data: bytes, times: int, colours: int) -> None:
    flat = np.frombuffer(data[: len(data) // 3 * 3], np.uint8).reshape(-1, 3)
    pixels = with_alpha(np.repeat(flat, times, axis=0))
    indices, palette = reduced(pixels, colours=colours)
    assert indices.max() < colours
    if len(flat) <= colours:  # a cell of 7 bits has two values of each channel
        assert np.abs(pixels[:, :3].astype(int) - palette[indices]).max() <= 1


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 255)])
def test_a_mark_of_few_pixels_keeps_its_colour(colour: tuple[int, int, int]) -> None:
    pixels = photo() // 8 + 100
    pixels[10:17, 10:17] = colour
    indices, palette = reduced(with_alpha(pixels))
    shown = palette[indices].reshape(pixels.shape)[12, 12].astype(int)
    assert np.abs(shown - colour).max() < 20
