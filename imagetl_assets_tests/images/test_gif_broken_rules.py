"""GIFs that break the rules of the format, and that viewers show all the same.

They are stored anew, so that strict readers take them, too: ffmpeg and gifsicle are the judges.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagetl_assets.images import gif
from imagetl_assets.images.bundle import FrameSpan, find_frames
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.transcode import join, to_gif
from imagetl_assets_tests.images.archives import kind_name
from imagetl_assets_tests.images.builders import (
    SEPARATOR,
    Gif,
    Picture,
    decode_all,
    encode_picture,
    render,
    still,
)
from imagetl_assets_tests.images.strategies import gifs

COLOURS = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0])


def part(width: int, height: int, left: int = 0, top: int = 0, bits: int = 2) -> Picture:
    indices = bytes((x + y) % 4 for y in range(height) for x in range(width))
    return Picture(width, height, indices, left=left, top=top, bits=bits)


def with_zeros(source: Gif) -> bytes:
    """The GIF with zero bytes before, between and after its images."""
    head = replace(source, pictures=[]).encode()[:-1]
    images = b"\0\0\0".join(encode_picture(picture) for picture in source.pictures)
    return head + b"\0" + images + b"\0\0;"


WHOLE = Gif(6, 5, [part(6, 5)], COLOURS)
TWO = Gif(6, 5, [part(6, 5), part(2, 2, 1, 1)], COLOURS)
BROKEN = {
    "beyond the screen": Gif(6, 5, [part(6, 5), part(4, 4, 4, 3)], COLOURS).encode(),
    "outside of the screen": Gif(6, 5, [part(6, 5), part(4, 4, 7, 9)], COLOURS).encode(),
    "larger than the screen": Gif(6, 5, [part(9, 8)], COLOURS).encode(),
    "no screen": Gif(0, 0, [part(6, 5)], COLOURS).encode(),
    "no height": Gif(6, 0, [part(6, 5)], COLOURS).encode(),
    "no colours": Gif(6, 5, [part(6, 5)]).encode(),
    "no trailer": TWO.encode()[:-1],
    "zeros": with_zeros(TWO),
    "zeros for a trailer": with_zeros(WHOLE)[:-1],
    **{f"code size {bits}": Gif(6, 5, [part(6, 5, bits=bits)], COLOURS).encode()
       for bits in (9, 10, 11)},
}  # fmt: skip


def broken_rules(data: bytes) -> list[str]:
    told: list[str] = []
    gif.parse(data, told.append)
    return told


@pytest.mark.parametrize("name", BROKEN)
def test_it_is_stored_anew_by_the_rules(name: str) -> None:
    assert broken_rules(BROKEN[name])
    stored = to_gif(BROKEN[name])
    assert broken_rules(stored) == []
    assert broken_rules(join([stored, to_gif(WHOLE.encode())])) == []
    assert decode_all(stored)[0].size == (6, 5)
    shown = decode_all(WHOLE.encode())[0]
    if name == "no colours":
        shown = Image.frombytes("L", (6, 5), WHOLE.pictures[0].indices).convert("RGBA")
    assert decode_all(stored)[0].tobytes() == shown.tobytes()


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("gifsicle")),
    reason="ffmpeg or gifsicle is not installed",
)
def test_strict_readers_take_what_is_stored(name: str) -> None:
    stored = to_gif(BROKEN[name])
    expected = b"".join(image.tobytes() for image in decode_all(stored))
    read = ["ffmpeg", "-v", "error", "-xerror", "-f", "gif", "-i", "-"]
    raw = ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgba", "-"]
    shown = subprocess.run([*read, *raw], input=stored, capture_output=True, timeout=60)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert shown.stdout == expected
    info = subprocess.run(["gifsicle", "--info"], input=stored, capture_output=True, timeout=60)
    assert (info.returncode, info.stderr) == (0, b"")


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("last", [False, True])
def test_it_is_a_frame_like_its_neighbours(name: str, last: bool) -> None:
    images = [still(1), still(2), BROKEN[name]] if last else [still(1), BROKEN[name], still(2)]
    bundle = SEPARATOR.join(images)
    found = list(find_frames(io.BytesIO(bundle), block_size=64))
    assert all(isinstance(piece, FrameSpan) for piece in found)
    assert [bundle[p.offset : p.offset + p.length] for p in found] == images


@pytest.mark.parametrize("data", [TWO.encode()[:-1], with_zeros(TWO)])
def test_it_is_an_animation(data: bytes) -> None:
    assert kind_name(data) == "file with several images"
    assert len(list(find_frames(io.BytesIO(data)))) == 2


@given(gifs(images=3), st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_whatever_the_screen_its_images_are_cropped_to_it(
    source: Gif, width: int, height: int
) -> None:
    large = Gif(30, 30, source.pictures, source.palette)
    source = replace(large, width=width, height=height)
    shown = decode_all(join([to_gif(source.encode())]))
    expected = [image.crop((0, 0, width, height)) for image in render(large)]
    assert [image.tobytes() for image in shown] == [image.tobytes() for image in expected]


@given(gifs(images=3), st.booleans(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_zeros_and_a_missing_trailer_change_nothing(
    source: Gif, zeros: bool, trailer: bool
) -> None:
    data = with_zeros(source) if zeros else source.encode()
    shown = decode_all(join([to_gif(data if trailer else data[:-1])]))
    assert [image.tobytes() for image in shown] == [image.tobytes() for image in render(source)]


def test_a_huge_image_is_refused_however_small_its_screen() -> None:
    huge = Picture(60_000, 60_000, b"", COLOURS)
    with pytest.raises(ImageError, match="60000 x 60000 pixels are more"):
        to_gif(Gif(6, 5, [huge], COLOURS).encode())
