"""Videos: FFmpeg's own programs make them, and tell what is in them."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagetl_assets.images.bundle import FrameImage, FrameSpan, find_frames, images
from imagetl_assets.images.bundles.video import choose
from imagetl_assets.images.edit import resized
from imagetl_assets.images.errors import BundleError
from imagetl_assets.images.new_size import Box, NewSize
from imagetl_assets_tests.images.archives import InMemory, kind_name

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="`ffmpeg` is not installed")

FORMATS = {
    "mp4": ["-c:v", "libx264", "-g", "20", "-bf", "2"],
    "mov": ["-c:v", "libx264", "-g", "20"],
    "mkv": ["-c:v", "libx264", "-g", "20", "-bf", "3"],
    "webm": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-g", "20"],
    "avi": ["-c:v", "mpeg4", "-q:v", "2", "-g", "20"],
}


def ffmpeg(folder: Path, *arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], cwd=folder, check=True)


def video(folder: Path, name: str, *options: str, size: str = "160x120") -> bytes:
    source = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=10:duration=6"]
    codec = FORMATS[name.rpartition(".")[2]]
    ffmpeg(folder, *source, *codec, "-pix_fmt", "yuv420p", *options, name)
    return (folder / name).read_bytes()


def spans_of(data: bytes) -> list[FrameSpan]:
    return [piece for piece in find_frames(io.BytesIO(data)) if isinstance(piece, FrameSpan)]


def shown(
    data: bytes, spans: Sequence[FrameSpan], resize: NewSize | None = None
) -> list[tuple[Image.Image, float]]:
    found = []
    for image in images("video", InMemory(data, resize), spans):
        assert isinstance(image, FrameImage), image
        assert not isinstance(image.data, bytes)
        found.append((image.data, image.duration_ms or 0))
    return found


def frames_by_ffmpeg(folder: Path, name: str) -> list[Image.Image]:
    ffmpeg(folder, "-i", name, "-fps_mode", "passthrough", "judge%04d.png")
    return [Image.open(path) for path in sorted(folder.glob("judge*.png"))]


def difference(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    delta = np.asarray(one, float) - np.asarray(other.convert("RGB"), float)
    return float(np.abs(delta).mean())


@pytest.mark.parametrize("kind", FORMATS)
def test_all_frames_are_those_that_ffmpeg_sees(tmp_path: Path, kind: str) -> None:
    data = video(tmp_path, f"x.{kind}")
    assert kind_name(data) == "video"
    spans, judged = spans_of(data), frames_by_ffmpeg(tmp_path, f"x.{kind}")
    found = shown(data, spans)
    assert len(found) == len(judged) == 60
    assert [round(duration) for _, duration in found] == [100] * 60
    for (picture, _), judge in zip(found, judged, strict=True):
        assert difference(picture, judge) < 3
    # Any stretch can be had alone, and gives the same.
    for some in ([0], [59], [33, 34], [5, 25, 45]):
        for number, (picture, _) in zip(some, shown(data, [spans[i] for i in some]), strict=True):
            assert picture.tobytes() == found[number][0].tobytes()


def test_a_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    drop = "select='not(mod(n\\,3))+lt(n\\,20)'"
    data = video(tmp_path, "x.mp4", "-vf", drop, "-fps_mode", "vfr")
    told = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", "-show_entries", "packet=pts_time", "x.mp4"],
        cwd=tmp_path, check=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    times = sorted(float(packet["pts_time"]) for packet in json.loads(told.stdout)["packets"])
    spans = spans_of(data)
    starts = [span.detail[1] / 1e6 for span in spans]
    assert starts == pytest.approx([time - times[0] for time in times], abs=1e-4)
    assert {round(span.detail[2], -4) for span in spans[:-1]} == {100_000, 200_000, 300_000}


def test_rotation_and_pixels_that_are_not_square(tmp_path: Path) -> None:
    video(tmp_path, "x.mp4")
    turn = ["-c", "copy", "-metadata:s:v", "rotate=90"]
    ffmpeg(tmp_path, "-i", "x.mp4", *turn, "turned.mp4")
    data = (tmp_path / "turned.mp4").read_bytes()
    (found, _), *_ = shown(data, spans_of(data)[:1])
    judge = frames_by_ffmpeg(tmp_path, "turned.mp4")[0]
    assert found.size == (120, 160)
    assert difference(found, judge) < 3
    wide = video(tmp_path, "wide.mp4", "-vf", "setsar=4/3")
    (picture, _), *_ = shown(wide, spans_of(wide)[:1])
    assert picture.size == (213, 120)


@pytest.mark.parametrize("turned", [False, True], ids=["upright", "turned"])
@pytest.mark.parametrize(
    ("resize", "size", "at_once"),
    [
        (107, (107, 60), True),
        (Box(60, 60), (60, 34), True),
        (Box(60, 60, "pad"), (60, 60), True),
        (Box(60, 60, "crop"), (60, 60), False),
        (0.5, (106, 60), False),
        (400, (400, 225), False),
    ],
)
def test_pictures_are_made_smaller_as_they_are_decoded(
    tmp_path: Path, resize: NewSize, size: tuple[int, int], at_once: bool, turned: bool
) -> None:
    """Pixels are not square in this video, and it may be turned. It looks the same."""
    data = video(tmp_path, "x.mp4", "-vf", "setsar=4/3", "-t", "0.1")
    if turned:
        turn = ["-c", "copy", "-metadata:s:v", "rotate=270"]
        ffmpeg(tmp_path, "-i", "x.mp4", *turn, "turned.mp4")
        data = (tmp_path / "turned.mp4").read_bytes()
    spans = spans_of(data)
    ((full, _),) = shown(data, spans)
    ((picture, _),) = shown(data, spans, resize)
    expected, made = (resized(one, resize, 10**6) for one in (full, picture))
    assert (picture.size != full.size) == at_once
    if not turned:
        assert made.size == size
    if at_once:
        assert made.size == expected.size
        assert difference(made, expected) < 8
        if made.size == picture.size:
            assert made.tobytes() == picture.tobytes()


def test_large_videos_have_the_colours_of_their_standard(tmp_path: Path) -> None:
    scale = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
    colours = ["-vf", scale, "-colorspace", "bt709", "-t", "0.3"]
    data = video(tmp_path, "x.mp4", *colours, size="1280x720")
    (picture, _), *_ = shown(data, spans_of(data)[:1])
    assert difference(picture, frames_by_ffmpeg(tmp_path, "x.mp4")[0]) < 3


def test_some_frames_are_chosen(tmp_path: Path) -> None:
    spans = spans_of(video(tmp_path, "x.mp4"))
    assert choose(spans) == spans
    seconds = choose(spans, fps=2)
    assert [span.detail[1] for span in seconds] == [i * 500_000 for i in range(12)]
    assert {span.detail[2] for span in seconds} == {500_000}
    assert [span.number for span in seconds] == list(range(12))
    part = choose(spans, start=1.05, end=1.45)
    assert [span.detail[2] for span in part] == [50_000, 100_000, 100_000, 100_000, 50_000]
    assert choose(spans, fps=50) == spans
    assert choose(spans, start=7) == []


@pytest.mark.parametrize("left", [0.3, 0.7])
def test_a_video_that_is_cut_short_or_damaged(tmp_path: Path, left: float) -> None:
    data = video(tmp_path, "x.mp4")
    with pytest.raises(BundleError, match="FFmpeg cannot read it"):
        list(find_frames(io.BytesIO(data[: int(len(data) * left)])))
    data = video(tmp_path, "x.mkv")
    cut = data[: int(len(data) * left)]
    spans = spans_of(cut)
    assert 10 < len(spans) < 60
    found = list(images("video", InMemory(cut), spans))
    assert len(found) == len(spans)
    assert isinstance(found[0], FrameImage)
    damaged = bytearray(data)
    damaged[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    spans = spans_of(data)
    assert len(list(images("video", InMemory(bytes(damaged)), spans))) == len(spans)


def test_pictures_and_sound_are_no_videos(tmp_path: Path) -> None:
    avif = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(600)
    assert kind_name(avif) != "video"
    ffmpeg(tmp_path, "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", "x.mp4")
    with pytest.raises(BundleError, match="it has no video stream"):
        list(find_frames(io.BytesIO((tmp_path / "x.mp4").read_bytes())))
