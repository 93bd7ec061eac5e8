"""Pictures that are made small."""

import pytest
from PIL import Image, ImageChops, ImageStat

from imagetl_assets.images.thumbnails import shrunk, spread


@pytest.mark.parametrize("mode", ["RGB", "P", "L", "RGBA"])
def test_a_picture_that_is_made_very_small_still_looks_the_same(mode: str) -> None:
    """It is thinned out before it is converted, which must not be seen."""
    slope = Image.linear_gradient("L").resize((1600, 1200))
    picture = Image.merge(
        "RGB",
        (slope, slope.rotate(180), slope.transpose(Image.Transpose.ROTATE_90).resize(slope.size)),
    )
    picture = picture.convert(mode, dither=Image.Dither.NONE)
    small = shrunk(picture, 0.05)
    assert (small.size, small.mode) == ((80, 60), "RGB")
    exact = picture.convert("RGB").resize(small.size, Image.Resampling.BOX)
    difference = ImageStat.Stat(ImageChops.difference(small, exact))
    assert max(difference.mean) < 3


def test_what_is_transparent_is_white() -> None:
    clear = Image.new("P", (400, 400))
    clear.info["transparency"] = 0
    assert shrunk(clear, 0.01).getcolors() == [(16, (255, 255, 255))]
    assert shrunk(clear, 1.0).getcolors() == [(160_000, (255, 255, 255))]


def test_frames_are_taken_from_all_over() -> None:
    assert spread(3, 8) == [0, 1, 2]
    assert spread(100, 4) == [0, 25, 50, 75]
