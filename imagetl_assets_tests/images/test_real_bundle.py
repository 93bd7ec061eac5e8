"""The bundle that the project was made for, if it is at hand."""

from __future__ import annotations

import io

import pytest

from imagetl_assets.images import gif
from imagetl_assets.images.bundle import FrameSpan, find_frames
from imagetl_assets.images.preview import preview
from imagetl_assets.images.transcode import join, to_gif
from imagetl_assets_tests.images.builders import decode_all
from testbed.bundles import pieces, real_bundle


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    data = real_bundle()
    found = list(find_frames(io.BytesIO(data)))
    assert all(isinstance(span, FrameSpan) and span.format == "GIF" for span in found)
    return [data[span.offset : span.offset + span.length] for span in found]


def test_frames_are_the_pieces(frames: list[bytes]) -> None:
    assert frames == pieces(real_bundle())
    assert len(frames) == 27


def test_clip_is_pixel_identical(frames: list[bytes]) -> None:
    clip = join(frames)
    shown = decode_all(clip)
    assert len(shown) == 27
    for image, frame in zip(shown, frames, strict=True):
        assert to_gif(frame) is frame
        gif.check_pixels(frame)
        assert image.tobytes() == decode_all(frame)[0].tobytes()
    assert {image.delay for image in gif.parse(clip).images} == {10}


def test_preview_is_small(frames: list[bytes]) -> None:
    small = preview(frames, len(frames))
    assert 30_000 < len(small) <= 100_000
    images = decode_all(small)
    assert len(images) == 12
    assert images[0].width == 400


@pytest.mark.parametrize("block_size", [1000, 200_000])
def test_small_blocks_find_the_same(frames: list[bytes], block_size: int) -> None:
    found = find_frames(io.BytesIO(real_bundle()), block_size=block_size)
    assert [span.length for span in found] == [len(frame) for frame in frames]
