"""Still WebPs become an animation of the same pictures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from imagetl_assets.images.webp_animation import animation


def _still(seed: int, size: tuple[int, int]) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", quality=50)
    return out.getvalue()


@pytest.mark.parametrize("size", [(1, 1), (16, 9), (40, 33)])
def test_the_pictures_are_those_of_the_stills(size: tuple[int, int]) -> None:
    stills = [_still(seed, size) for seed in range(3)]
    with Image.open(io.BytesIO(animation(stills, size, 120))) as shown:
        assert (shown.n_frames, shown.size, shown.info["loop"]) == (3, size, 0)
        for number, still in enumerate(stills):
            shown.seek(number)
            shown.load()
            assert shown.info["duration"] == 120
            with Image.open(io.BytesIO(still)) as alone:
                assert shown.convert("RGB").tobytes() == alone.convert("RGB").tobytes()


def test_a_time_that_the_format_cannot_tell_is_cut() -> None:
    stills = [_still(seed, (8, 8)) for seed in range(2)]
    with Image.open(io.BytesIO(animation(stills, (8, 8), 10**9))) as shown:
        shown.load()
        assert shown.info["duration"] == 2**24 - 1
