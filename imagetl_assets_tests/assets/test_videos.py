"""Runs over a video: frames that are chosen keep their times in the clip."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from imagetl_assets.images.outputs.film import Film, Shown
from imagetl_assets.images.outputs.mp4 import MP4
from testbed.bundles import small_bundle
from testbed.http_server import HttpServer
from testbed.pipeline import Pipeline


def video(frames: int) -> bytes:
    """An MP4 with ten frames a second."""
    pictures = (Image.new("RGB", (64, 48), (number * 8 % 256, 0, 99)) for number in range(frames))
    out = io.BytesIO()
    MP4.write(Film(64, 48, frames, (Shown(p, 100) for p in pictures)), out, {"crf": 20})
    return out.getvalue()


def test_all_frames_of_a_video(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/x.mp4", video(30))
    outcome = pipeline.run("x.mp4")
    assert outcome.success
    assert outcome.metadata("frames")["bundle"] == "video"
    assert outcome.metadata("frames")["formats"] == {"H264": 30}
    assert outcome.metadata("frames")["mapped steps"] == 8
    assert outcome.metadata("clip_gif")["frames"] == 30
    assert outcome.metadata("clip_gif")["frame_duration_ms"] == 100


def test_some_frames_of_a_video(
    pipeline: Pipeline, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGETL_CLIPS", "mp4")
    server.add_file("/x.mp4", video(30))
    outcome = pipeline.run("x.mp4", frames={"start": 1, "end": 2.5, "take_fps": 4})
    assert outcome.success
    assert outcome.metadata("clip_gif")["frames"] == 6
    assert outcome.metadata("clip_gif")["frame_duration_ms"] == 250
    assert outcome.metadata("clip_mp4")["frames"] == 6
    failure = pipeline.run("x.mp4", frames={"start": 5}).failure
    assert failure == "the video has no frames between start and end"


def test_frames_of_other_bundles_cannot_be_chosen(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", small_bundle())
    failure = pipeline.run(frames={"take_fps": 2}).failure
    assert failure == "start, end and take_fps choose frames of a video, which this bundle is not"
