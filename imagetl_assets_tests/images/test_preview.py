"""The preview: small enough, about as long, and of the clip."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.preview import preview
from imagetl_assets.images.transcode import join, to_gif
from imagetl_assets_tests.images.builders import Gif, Picture, decode_all, encode, still


def noisy(number: int, width: int = 500, height: int = 375) -> bytes:
    """A frame that compresses badly."""
    pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return to_gif(encode(Image.fromarray(pixels), "PNG"))


def playing_time(data: bytes) -> int:
    total = 0
    with Image.open(io.BytesIO(data)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            total += image.info["duration"]
    return total


@pytest.mark.parametrize("count", [2, 11, 12, 13, 27, 100, 1000])
def test_many_frames_become_few_that_play_as_long(count: int) -> None:
    asked = []

    def frame(number: int) -> bytes:
        asked.append(number)
        return still(number)

    small = preview(frame, count, duration_ms=50)
    assert len(decode_all(small)) == min(count, 12) == len(asked)
    asked.sort()  # Threads ask for them at the same time.
    assert asked[0] == 0
    assert np.ptp(np.diff(asked)) <= 1
    assert playing_time(small) == pytest.approx(50 * count, abs=min(count, 12))


def test_it_stays_below_the_limit() -> None:
    frames = [still(0, 500, 375)] + [noisy(i) for i in range(3)]
    for limit in (150_000, 20_000):
        small = preview(frames, len(frames), max_bytes=limit)
        assert limit // 3 < len(small) <= limit
    with pytest.raises(ImageError, match="as small as"):
        preview(frames, len(frames), max_bytes=100)


def test_one_frame_is_still() -> None:
    small = preview([still()], 1)
    with Image.open(io.BytesIO(small)) as image:
        assert image.format == "WEBP"
    assert len(decode_all(small)) == 1


def test_one_animated_frame_moves() -> None:
    clip = join([still(i) for i in range(48)])
    small = preview([clip], 1)
    assert len(decode_all(small)) == 12
    assert playing_time(small) == 48 * 100


def test_different_sizes_keep_their_proportions() -> None:
    images = decode_all(preview([still(0, 400, 300), still(0, 100, 300), still(0, 480, 10)], 3))
    assert all(image.size == images[0].size for image in images)
    scale = images[0].width / 480
    dark = [image.convert("L").point(lambda level: 255 * (level < 200)) for image in images]
    widths = [(image.getbbox() or (0, 0, 0, 0))[2] for image in dark]
    assert widths == pytest.approx([400 * scale, 100 * scale, 480 * scale], abs=1.5)


def test_transparency_is_white() -> None:
    clear = Gif(4, 4, [Picture(4, 4, bytes(16), bytes(12), transparent=0)]).encode()
    assert decode_all(preview([clear], 1))[0].getpixel((1, 1)) == (255, 255, 255, 255)


def test_small_frames_are_not_enlarged() -> None:
    assert decode_all(preview([still(0, 6, 5)], 1))[0].size == (6, 5)


def test_what_cannot_be_shown() -> None:
    with pytest.raises(ImageError, match="no frames"):
        preview([], 0)
    with pytest.raises(ImageError):
        preview([still()[:-5]], 1)
