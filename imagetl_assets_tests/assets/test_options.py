"""What users can ask of frames and of the clip, and what becomes of damaged frames."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from PIL import Image, ImageDraw

from imagetl_assets.images.edit import Edit
from imagetl_assets.images.transcode import to_gif
from testbed import bundles
from testbed.http_server import HttpServer
from testbed.pipeline import Pipeline


def moving_square(frames: int = 7) -> bytes:
    """A bundle of frames that differ in a small part only."""
    pieces = []
    for number in range(frames):
        picture = Image.effect_mandelbrot((80, 60), (-2, -1.5, 1, 1.5), 50).convert("RGB")
        ImageDraw.Draw(picture).rectangle((4 * number, 20, 4 * number + 8, 28), fill="red")
        out = io.BytesIO()
        picture.quantize(64).save(out, "GIF")
        pieces.append(out.getvalue())
    return b"\n\n\n\n".join(pieces)


def clip_pixels(pipeline: Pipeline) -> list[bytes]:
    return bundles.pixels(pipeline.file("clip.gif").read_bytes())


def test_every_takes_each_nth_frame_and_fps_sets_the_pace(
    pipeline: Pipeline, server: HttpServer
) -> None:
    bundle = bundles.small_bundle(5)
    server.add_file("/all-images.img", bundle)
    assert pipeline.run(clip={"every": 2, "fps": 25}).success
    assert clip_pixels(pipeline) == [bundles.pixels(p)[0] for p in bundles.pieces(bundle)[::2]]
    assert bundles.timing(pipeline.file("clip.gif").read_bytes()) == ({40}, 0)
    assert len(pipeline.frame_names()) == 5


@pytest.mark.parametrize(("resize", "size"), [("40", (40, 30)), ("150%", (120, 90))])
def test_resize_is_done_by_the_steps_that_store_the_frames(
    pipeline: Pipeline, server: HttpServer, resize: str, size: tuple[int, int]
) -> None:
    bundle = moving_square(3)
    server.add_file("/all-images.img", bundle)
    assert pipeline.run(frames={"resize": resize}).success
    assert Image.open(pipeline.file("clip.gif")).size == size
    factor = float(resize.removesuffix("%")) / 100 if resize.endswith("%") else int(resize)
    for name, piece in zip(pipeline.frame_names(), bundles.pieces(bundle), strict=True):
        expected = to_gif(piece, edit=Edit(factor))
        assert pipeline.file(f"frames/{name}").read_bytes() == expected


@pytest.mark.parametrize("resize", ["0", "-5", "wide", "%", "1.5", "٣"])
def test_a_size_that_is_none_is_refused(
    pipeline: Pipeline, server: HttpServer, resize: str
) -> None:
    server.add_file("/all-images.img", bundles.small_bundle())
    outcome = pipeline.run(frames={"resize": resize})
    assert not outcome.success
    assert f"not {resize!r}" in outcome.failure


@pytest.mark.parametrize("frames_per_step", [1, 3])
def test_optimize_makes_a_smaller_clip_that_shows_the_same(
    pipeline: Pipeline, server: HttpServer, frames_per_step: int
) -> None:
    server.add_file("/all-images.img", moving_square())
    assert pipeline.run().success
    plain = clip_pixels(pipeline)
    plain_size = pipeline.file("clip.gif").stat().st_size
    frames = [pipeline.file(f"frames/{name}").read_bytes() for name in pipeline.frame_names()]

    assert pipeline.run(frames={"optimize": True, "frames_per_step": frames_per_step}).success
    assert clip_pixels(pipeline) == plain
    assert pipeline.file("clip.gif").stat().st_size < plain_size / 2
    assert [
        pipeline.file(f"frames/{name}").read_bytes() for name in pipeline.frame_names()
    ] == frames

    # Where frames are left out, there are other differences. All go when they are not asked for.
    assert pipeline.run(frames={"optimize": True}, clip={"every": 3}).success
    assert clip_pixels(pipeline) == plain[::3]
    assert pipeline.file("clip.gif").stat().st_size < plain_size * 3 / 7 * 0.7
    assert list(pipeline.file(".imagetl/deltas").iterdir())
    assert pipeline.run().success
    assert not list(pipeline.file(".imagetl/deltas").iterdir())


def damaged_pixels(frames: int, damaged: set[int]) -> bytes:
    """A bundle in which the structure of all frames is whole, but not the pixels of some."""
    pieces = bundles.pieces(moving_square(frames))
    for number in damaged:
        piece = bytearray(pieces[number])
        start = piece.index(b"\x2c", 13 + 3 * 64) + 11  # the first block of the image data
        piece[start + 1 : start + 40] = b"\xff" * 39
        pieces[number] = bytes(piece)
    return b"\n\n\n\n".join(pieces)


def test_a_frame_whose_pixels_are_damaged_is_named(pipeline: Pipeline, server: HttpServer) -> None:
    bundle = damaged_pixels(4, {2})
    server.add_file("/all-images.img", bundle)
    outcome = pipeline.run()
    assert not outcome.success
    offset = bundle.index(bundles.pieces(bundle)[2])
    assert f"frame 2 at byte {offset:,} of image-data.img is damaged" in outcome.failure
    assert not pipeline.file("clip.gif").exists()


@pytest.mark.parametrize("optimize", [False, True])
def test_frames_whose_pixels_are_damaged_can_be_left_out(
    pipeline: Pipeline, server: HttpServer, optimize: bool
) -> None:
    whole = [bundles.pixels(piece)[0] for piece in bundles.pieces(moving_square(6))]
    server.add_file("/all-images.img", damaged_pixels(6, {0, 3}))
    outcome = pipeline.run(frames={"on_damaged_frame": "skip", "optimize": optimize})
    assert outcome.success
    assert pipeline.frame_names() == [f"frame_0{i}.gif" for i in (1, 2, 4, 5)]
    assert clip_pixels(pipeline) == [whole[i] for i in (1, 2, 4, 5)]
    assert [number for number, _, _ in outcome.metadata("frame_files")["damaged"]] == [0, 3]


def test_a_bundle_of_damaged_frames_only_gives_no_clip(
    pipeline: Pipeline, server: HttpServer
) -> None:
    server.add_file("/all-images.img", damaged_pixels(3, {0, 1, 2}))
    outcome = pipeline.run(frames={"on_damaged_frame": "skip"})
    assert not outcome.success
    assert "all frames of image-data.img are damaged" in outcome.failure


def test_frames_of_a_moving_picture_differ() -> None:
    """What the tests above lean on."""
    pictures = [bundles.pixels(piece)[0] for piece in bundles.pieces(moving_square(4))]
    assert all(one != other for one, other in pairwise(pictures))
