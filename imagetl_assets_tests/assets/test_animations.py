"""Runs over a single file with several images: its frames, and the times that they are shown."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from testbed import bundles
from testbed.http_server import HttpServer
from testbed.pipeline import Pipeline

DURATIONS = [35, 250, 100, 45, 333, 20]


def animation(kind: str) -> bytes:
    pictures = [Image.new("RGB", (40, 30), (number * 40, 0, 255)) for number in range(6)]
    out = io.BytesIO()
    pictures[0].save(
        out, kind, save_all=True, append_images=pictures[1:], duration=DURATIONS, loop=0
    )
    return out.getvalue()


def shown_for(clip: bytes) -> list[int]:
    with Image.open(io.BytesIO(clip)) as image:
        durations = []
        for number in range(image.n_frames):
            image.seek(number)
            durations.append(image.info["duration"])
        return durations


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_frames_keep_their_times(pipeline: Pipeline, server: HttpServer, kind: str) -> None:
    server.add_file("/a.webp", animation(kind))
    outcome = pipeline.run("a.webp")
    assert outcome.success
    assert outcome.metadata("frames")["bundle"] == "file with several images"
    assert outcome.metadata("frames")["frames"] == 6
    assert outcome.metadata("clip_gif")["frame_duration_ms"] == 130  # as the file says it
    shown = shown_for(pipeline.file("clip.gif", "a.webp").read_bytes())
    assert all(abs(one - told) <= 10 for one, told in zip(shown, DURATIONS, strict=True))
    assert abs(sum(shown) - sum(DURATIONS)) <= 5


def test_the_config_may_say_otherwise(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/a.webp", animation("WEBP"))
    assert pipeline.run("a.webp", clip={"frame_duration_ms": 70}).success
    assert shown_for(pipeline.file("clip.gif", "a.webp").read_bytes()) == [70] * 6
    assert pipeline.run("a.webp", clip={"fps": 25, "every": 2}).success
    assert shown_for(pipeline.file("clip.gif", "a.webp").read_bytes()) == [40] * 3


def test_animated_pictures_in_a_bundle_keep_their_times(
    pipeline: Pipeline, server: HttpServer
) -> None:
    """A GIF that is copied, a WebP that is converted, and one that would be too fast."""
    still = bundles.pieces(bundles.small_bundle(1))[0]
    pictures = [Image.new("RGB", (8, 8), (number * 60, 0, 99)) for number in range(4)]
    pieces = [still]
    for kind, durations in (("GIF", [70, 20, 0, 10]), ("WEBP", [35, 45, 17, 0])):
        out = io.BytesIO()
        pictures[0].save(out, kind, save_all=True, append_images=pictures[1:], duration=durations)
        pieces.append(out.getvalue())
    server.add_file("/a.img", b"\n\n\n\n".join(pieces))
    outcome = pipeline.run("a.img")
    shown = shown_for(pipeline.file("clip.gif", "a.img").read_bytes())
    assert shown == [100, 70, 20, 100, 100, 40, 40, 20, 100]
    told = outcome.metadata("clip_gif")
    assert told["length in seconds"] == sum(shown) / 1000
    assert told["frame_duration_ms"] == pytest.approx(sum(shown) / 9, abs=0.001)
    assert pipeline.run("a.img", clip={"fps": 30}).metadata("clip_gif")["frames per second"] == 30
    shown = shown_for(pipeline.file("clip.gif", "a.img").read_bytes())
    assert shown == [30, 40, 30] * 3


def test_an_animated_gif_of_parts_does_not_become_larger(
    pipeline: Pipeline, server: HttpServer
) -> None:
    """Frame files show whole pictures, but the clip has only what changes."""
    ground = Image.effect_mandelbrot((120, 90), (-2, -1.5, 1, 1.5), 50).convert("RGB")
    pictures = []
    for number in range(12):
        picture = ground.copy()
        picture.paste((255, 20 * number, 0), (5 * number, 30, 5 * number + 10, 40))
        pictures.append(picture)
    out = io.BytesIO()
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=50)
    server.add_file("/a.gif", out.getvalue())
    assert pipeline.run("a.gif").success
    clip = pipeline.file("clip.gif", "a.gif").read_bytes()
    assert len(clip) < 1.3 * len(out.getvalue())
    assert bundles.pixels(clip) == bundles.pixels(out.getvalue())
    first, last = (pipeline.file(f"frames/frame_{n}.gif", "a.gif") for n in ("00", "11"))
    assert bundles.pixels(last.read_bytes()) == bundles.pixels(out.getvalue())[-1:]
    assert pipeline.run("a.gif", frames={"optimize": False}).success
    assert pipeline.file("clip.gif", "a.gif").stat().st_size > 5 * first.stat().st_size


def test_few_steps_store_many_images(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/a.webp", animation("WEBP"))
    assert pipeline.run("a.webp").metadata("frames")["mapped steps"] == 6
    pictures = [Image.new("L", (8, 8), number * 2) for number in range(100)]
    out = io.BytesIO()
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:])
    server.add_file("/b.gif", out.getvalue())
    outcome = pipeline.run("b.gif")
    assert outcome.metadata("frames")["mapped steps"] == 8
    assert outcome.metadata("frame_files")["frames"] == 100
