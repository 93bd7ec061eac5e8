"""Clips that are encoded: what Pillow, PyAV and FFmpeg's own programs see in them."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.outputs import FILMS
from imagetl_assets.images.outputs.film import Film, FilmFormat, Shown
from imagetl_assets.images.outputs.mp4 import MP4
from imagetl_assets.images.outputs.webm import WEBM
from imagetl_assets.images.outputs.webp import WEBP

DURATIONS = [40, 100, 333, 70.4, 250.3, 500]
WEBP_OPTIONS = {"quality": 80, "lossless": False, "loop": 0}


def pictures(size: tuple[int, int] = (64, 48), count: int = 6) -> list[Image.Image]:
    """Smooth pictures in many colours."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    return [
        Image.fromarray(
            np.dstack([x * 255 // size[0], y * 255 // size[1], np.full_like(x, n * 40)]).astype(
                np.uint8
            )
        )
        for n in range(count)
    ]


def film(shown: Sequence[Image.Image], size: tuple[int, int] | None = None) -> Film:
    width, height = size or shown[0].size
    times = DURATIONS * (len(shown) // len(DURATIONS) + 1)
    return Film(
        width, height, len(shown), (Shown(p, t) for p, t in zip(shown, times, strict=False))
    )


def webp(shown: Sequence[Image.Image], **options: object) -> bytes:
    out = io.BytesIO()
    WEBP.write(film(shown), out, {**WEBP_OPTIONS, **options})
    return out.getvalue()


def mp4(shown: Sequence[Image.Image], crf: float = 18) -> bytes:
    out = io.BytesIO()
    MP4.write(film(shown), out, {"crf": crf})
    return out.getvalue()


def error_of(one: Image.Image, other: Image.Image) -> float:
    difference = np.asarray(one.convert("RGB"), float) - np.asarray(other.convert("RGB"), float)
    return float(np.sqrt((difference**2).mean()))


def test_a_webp_has_all_pictures_and_their_times() -> None:
    shown = pictures()
    with Image.open(io.BytesIO(webp(shown, lossless=True, loop=3))) as image:
        assert image.n_frames == 6
        assert image.info["loop"] == 4  # shown once, and then repeated three times
        total = 0
        for number, picture in enumerate(shown):
            image.seek(number)
            image.load()
            assert image.convert("RGB").tobytes() == picture.tobytes()
            total += image.info["duration"]
        assert total == round(sum(DURATIONS))
    assert len(webp(shown, quality=10)) < len(webp(shown, quality=99))


@pytest.mark.parametrize(("loop", "told"), [(0, 0), (None, 1), (1, 2)])
def test_how_often_a_webp_plays(loop: int | None, told: int) -> None:
    with Image.open(io.BytesIO(webp(pictures(), loop=loop))) as image:
        assert image.info["loop"] == told


def test_a_webp_keeps_transparency_and_puts_small_pictures_in_the_corner() -> None:
    small = Image.new("RGBA", (20, 10), (255, 0, 0, 128))
    out = io.BytesIO()
    WEBP.write(film([small, *pictures()[:2]], (64, 48)), out, {**WEBP_OPTIONS, "lossless": True})
    with Image.open(out) as image:
        rgba = image.convert("RGBA")
    assert rgba.size == (64, 48)
    assert rgba.getpixel((5, 5)) == (255, 0, 0, 128)
    assert rgba.getpixel((30, 30))[3] == 0


def test_a_webp_that_is_too_large_is_refused() -> None:
    with pytest.raises(ImageError, match="set resize in the config of frames"):
        WEBP.write(Film(20_000, 10, 1, iter(())), io.BytesIO(), WEBP_OPTIONS)


@pytest.mark.parametrize("format", FILMS, ids=lambda one: str(one.name))
def test_pictures_are_taken_one_at_a_time(format: FilmFormat) -> None:
    """They are not kept: of each but the last few, nothing is left when the next is taken."""
    alive: list[weakref.ref[Image.Image]] = []
    most = 0

    def shown() -> Iterator[Shown]:
        nonlocal most
        for number in range(60):
            picture = Image.new("RGB", (64, 48), (number, 0, 0))
            alive.append(weakref.ref(picture))
            yield Shown(picture, 40)
            del picture
            most = max(most, sum(one() is not None for one in alive))

    format.write(Film(64, 48, 60, shown()), io.BytesIO(), {**WEBP_OPTIONS, "crf": 20})
    assert len(alive) == 60
    assert most <= 3


def probe(path: Path) -> Any:
    if not shutil.which("ffprobe"):
        pytest.skip("the program `ffprobe` is not installed")
    told = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_format",
         "-show_entries", "packet=pts_time", path],
        check=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    return json.loads(told.stdout)


def test_an_mp4_is_what_all_players_can_show(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(mp4(pictures((101, 77))))
    told = probe(path)
    (stream,) = told["streams"]
    assert (stream["codec_name"], stream["pix_fmt"]) == ("h264", "yuv420p")
    assert (stream["width"], stream["height"], stream["nb_frames"]) == (100, 76, "6")
    times = sorted(float(packet["pts_time"]) for packet in told["packets"])
    starts = np.cumsum([0, *DURATIONS[:-1]]) / 1000
    assert times == pytest.approx(list(starts), abs=0.0005)
    assert float(told["format"]["duration"]) == pytest.approx(sum(DURATIONS) / 1000, abs=0.002)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # faststart


def test_an_mp4_has_the_colours_of_the_pictures(tmp_path: Path) -> None:
    if not shutil.which("ffmpeg"):
        pytest.skip("the program `ffmpeg` is not installed")
    shown = pictures()
    (tmp_path / "x.mp4").write_bytes(mp4(shown, crf=8))
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", "x.mp4", "-fps_mode", "passthrough", "%d.png"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    for number, picture in enumerate(shown, 1):
        with Image.open(tmp_path / f"{number}.png") as decoded:
            assert error_of(decoded, picture) < 5
    assert not (tmp_path / "7.png").exists()


@pytest.mark.parametrize("size", [(64, 48), (101, 77), (1, 1), (17, 1)])
def test_a_webm_has_the_pictures_and_their_times(size: tuple[int, int]) -> None:
    import av

    shown, out = pictures(size), io.BytesIO()
    WEBM.write(film(shown), out, {"crf": 10})
    out.seek(0)
    with av.open(out) as container:
        (stream,) = container.streams.video
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("vp9", "yuv420p")
        frames = list(container.decode(video=0))
    starts = np.cumsum([0, *DURATIONS[:-1]]) / 1000
    assert [frame.time for frame in frames] == pytest.approx(list(starts), abs=0.001)
    if min(size) > 1:
        for frame, picture in zip(frames, shown, strict=True):
            decoded = frame.to_image()
            assert error_of(decoded, picture.crop((0, 0, *decoded.size))) < 6


def test_an_mp4_is_white_where_a_picture_is_transparent() -> None:
    import av

    clear = Image.new("RGBA", (64, 48), (255, 0, 0, 0))
    with av.open(io.BytesIO(mp4([clear, *pictures()[:1]]))) as container:
        first = next(container.decode(video=0)).to_image()
    assert error_of(first, Image.new("RGB", (64, 48), "white")) < 5


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 1)])
def test_tiny_pictures(size: tuple[int, int]) -> None:
    import av

    with av.open(io.BytesIO(mp4([Image.new("RGB", size, "red")]))) as container:
        assert len(list(container.decode(video=0))) == 1
