"""Runs that change pictures, and clips that play as time has passed."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image

from imagetl_assets.images.edit import FrameInfo
from imagetl_assets_tests.images.archives import zipped
from testbed.bundles import small_bundle, tiny_frame
from testbed.http_server import HttpServer
from testbed.pipeline import Pipeline


def mirrored(picture: Image.Image, frame: FrameInfo) -> Image.Image:
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def two_colours() -> bytes:
    picture = Image.new("RGB", (60, 40), "red")
    picture.paste("blue", (30, 0, 60, 40))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def frame(pipeline: Pipeline) -> Image.Image:
    with Image.open(pipeline.file("frames/frame_00.gif")) as image:
        converted: Image.Image = image.convert("RGB")
        return converted


def test_a_picture_function_and_a_box(
    pipeline: Pipeline, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGETL_CLIPS", "webp")
    server.add_file("/all-images.img", two_colours())
    assert pipeline.run().success
    assert frame(pipeline).getpixel((5, 5)) == (255, 0, 0)
    config = {"picture_function": f"{__name__}:mirrored", "resize": "20x20 crop"}
    assert pipeline.run(frames=config, clip_webp={"lossless": True}).success
    assert frame(pipeline).size == (20, 20)
    assert frame(pipeline).getpixel((2, 2)) == (0, 0, 255)
    with Image.open(pipeline.file("clip.webp")) as image:
        assert image.size == (20, 20)
        assert image.convert("RGB").getpixel((2, 2)) == (0, 0, 255)
    failure = pipeline.run(frames={"picture_function": "nowhere:nothing"}).failure
    assert failure.startswith("the function 'nowhere:nothing' cannot be imported")


def test_a_caption_has_the_name_of_the_frame(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/all-images.img", zipped({"a.png": two_colours()}))
    assert pipeline.run(frames={"caption": "{name} {number}"}).success
    once = frame(pipeline).tobytes()
    server.add_file("/all-images.img", zipped({"b.png": two_colours()}))
    assert pipeline.run(frames={"caption": "{name} {number}"}).success
    assert frame(pipeline).tobytes() != once
    assert (
        "caption '{colour}' cannot be made" in pipeline.run(frames={"caption": "{colour}"}).failure
    )


def test_a_clip_plays_as_time_has_passed(pipeline: Pipeline, server: HttpServer) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, minute in enumerate((0, 1, 3, 8)):
            info = zipfile.ZipInfo(f"{number}.gif", (2024, 5, 6, 7, minute, 0))
            archive.writestr(info, tiny_frame(number))
    server.add_file("/all-images.img", out.getvalue())
    assert pipeline.run(clip={"realtime": 60}).success
    with Image.open(pipeline.file("clip.gif")) as image:
        shown = []
        for number in range(4):
            image.seek(number)
            shown.append(image.info["duration"])
    assert shown == [1000, 2000, 5000, 2670]
    server.add_file("/all-images.img", small_bundle())
    failure = pipeline.run(clip={"realtime": 60}).failure
    assert failure.startswith("realtime needs the time of each frame, but 3 of 3 frames have none")


def test_a_picture_that_becomes_too_large_is_named_and_can_be_left_out(
    pipeline: Pipeline, server: HttpServer
) -> None:
    line = io.BytesIO()
    Image.new("L", (1, 4000)).save(line, "PNG")
    files = {"a.gif": tiny_frame(0), "line.png": line.getvalue(), "z.gif": tiny_frame(1)}
    server.add_file("/all-images.img", zipped(files))
    outcome = pipeline.run(frames={"resize": "20"})
    assert "line.png: resize asks for too much" in outcome.failure
    assert "is damaged" not in outcome.failure
    config = {"resize": "20", "on_damaged_frame": "skip", "optimize": True, "frames_per_step": 1}
    assert pipeline.run(frames=config).metadata("frame_files")["damaged frames"] == 1
    assert pipeline.frame_names() == ["frame_00.gif", "frame_02.gif"]
