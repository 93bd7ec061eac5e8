"""A contact sheet shows some frames, each in its place."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagetl_assets.images.contact_sheet import MOST_SHOWN, contact_sheet
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.thumbnails import spread


def gif_of(colour: str, size: tuple[int, int] = (400, 300)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "GIF")
    return out.getvalue()


@given(st.integers(1, 10_000))
def test_the_frames_that_are_shown_are_spread_over_all(count: int) -> None:
    shown = spread(count, MOST_SHOWN)
    assert len(shown) == min(count, MOST_SHOWN)
    assert shown[0] == 0
    assert shown == sorted(set(shown))
    steps = {after - before for before, after in zip(shown, [*shown[1:], count], strict=True)}
    assert max(steps) - min(steps) <= 1


def test_each_frame_is_in_its_place() -> None:
    colours = ["red", "lime", "blue", "black", "yellow"]
    sheet = contact_sheet([gif_of(colour) for colour in colours], list("01234"))
    with Image.open(io.BytesIO(sheet)) as picture:
        seen = [picture.getpixel((66 + 126 * (i % 4), 51 + 110 * (i // 4))) for i in range(5)]
    expected = [Image.new("RGB", (1, 1), colour).getpixel((0, 0)) for colour in colours]
    for pixel, colour in zip(seen, expected, strict=True):
        assert isinstance(pixel, tuple)
        assert isinstance(colour, tuple)
        assert max(abs(a - b) for a, b in zip(pixel, colour, strict=True)) < 8


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (9, 9)])
def test_frames_of_any_shape_fit(size: tuple[int, int]) -> None:
    contact_sheet([gif_of("red", size)], ["0"])


def test_a_frame_that_cannot_be_decoded() -> None:
    with pytest.raises(ImageError):
        contact_sheet([gif_of("red")[:-9]], ["0"])
