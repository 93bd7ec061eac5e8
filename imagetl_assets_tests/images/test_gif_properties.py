"""Whatever the frames are: each image of the clip shows what its frame shows alone."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple
from PIL import Image

from imagetl_assets.images import gif
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.gif.parsing import skip_sub_blocks
from imagetl_assets.images.transcode import join, to_gif
from imagetl_assets.images.window import Window
from imagetl_assets_tests.images.builders import Gif, decode_all, on_screen, render
from imagetl_assets_tests.images.strategies import gifs


@given(st.lists(gifs(), min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_every_image_of_the_clip_is_its_frame(sources: list[Gif]) -> None:
    clip = join([source.encode() for source in sources])
    size = max(s.width for s in sources), max(s.height for s in sources)
    shown = decode_all(clip)
    assert len(shown) == len(sources)
    for image, source in zip(shown, sources, strict=True):
        assert image.tobytes() == on_screen(render(source)[0], size).tobytes()


@given(st.lists(gifs(whole=True), min_size=1, max_size=4), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=150, deadline=None)
def test_equal_sizes(sources: list[Gif], width: int, height: int) -> None:
    """The usual case: frames that cover the screen are compared with Pillow as they are."""
    frames = [to_gif(source.encode()) for source in sources]
    size = max(s.width for s in sources), max(s.height for s in sources)
    for image, frame in zip(decode_all(join(frames)), frames, strict=True):
        assert image.tobytes() == on_screen(decode_all(frame)[0], size).tobytes()


@given(st.lists(gifs(images=4), min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_animated_sources_contribute_all_images(sources: list[Gif]) -> None:
    frames = [to_gif(source.encode()) for source in sources]
    size = max(s.width for s in sources), max(s.height for s in sources)
    expected = [on_screen(image, size) for source in sources for image in render(source)]
    shown = decode_all(join(frames))
    assert [image.tobytes() for image in shown] == [image.tobytes() for image in expected]


@given(gifs(images=3))
@settings(max_examples=150, deadline=None)
def test_parsed_is_what_was_written(source: Gif) -> None:
    data = source.encode()
    layout = gif.parse(data)
    assert msgspec.json.decode(msgspec.json.encode(layout), type=gif.GifLayout) == layout
    assert (layout.width, layout.height) == (source.width, source.height)
    gif.check_pixels(data, layout)
    for image, picture in zip(layout.images, source.pictures, strict=True):
        table, block = gif.image_bytes(image, data)
        assert astuple(image)[:4] == (picture.left, picture.top, picture.width, picture.height)
        assert table == (picture.palette or source.palette or gif.GREYS)
        assert image.transparent == (-1 if picture.transparent is None else picture.transparent)
        assert bytes(block) in data
        decoded = gif.pixels(image, table, block)
        assert decoded.tobytes() == picture.indices


@given(st.lists(gifs(), min_size=1, max_size=4), st.integers(2, 50))
@settings(max_examples=25, deadline=None)
@pytest.mark.skipif(shutil.which("gifsicle") is None, reason="gifsicle is not installed")
def test_gifsicle_agrees(
    tmp_path_factory: pytest.TempPathFactory, sources: list[Gif], delay: int
) -> None:
    frames = [source.encode() for source in sources]
    path = Path(tmp_path_factory.mktemp("gifsicle")) / "clip.gif"
    path.write_bytes(join(frames, duration_ms=10 * delay))
    result = subprocess.run(
        ["gifsicle", "--info", path], capture_output=True, text=True, timeout=60, check=True
    )
    layouts = [gif.parse(frame) for frame in frames]
    screen = gif.screen_size(layouts)
    assert result.stderr == ""
    assert f"{len(frames)} image" in result.stdout
    assert f"logical screen {screen.width}x{screen.height}" in result.stdout
    assert "loop forever" in result.stdout
    seen = re.findall(r"\+ image #\d+ (\d+)x(\d+)(?: at (\d+),(\d+))?(.*)", result.stdout)
    assert len(seen) == len(frames)
    for found, layout in zip(seen, layouts, strict=True):
        (image,) = layout.images
        assert (int(found[0]), int(found[1])) == (image.width, image.height)
        assert (int(found[2] or 0), int(found[3] or 0)) == (image.left, image.top)
        assert ("interlaced" in found[4]) == bool(image.interlaced)
    assert result.stdout.count(f"delay {delay / 100:.2f}s") == len(frames)


@given(gifs())
@settings(max_examples=50, deadline=None)
def test_a_single_image_with_colours_is_returned_as_it_is(source: Gif) -> None:
    data = source.encode()
    (picture,) = source.pictures
    assert (to_gif(data) is data) == bool(picture.palette or source.palette)
    assert Image.open(io.BytesIO(data)).size == (source.width, source.height)


_SUB_BLOCKS = st.lists(
    st.one_of(
        st.integers(1, 255).map(lambda size: [size]),
        st.integers(1, 150).map(lambda count: [255] * count),  # as encoders do
    ),
    max_size=4,
).map(lambda parts: [size for part in parts for size in part])


@given(_SUB_BLOCKS, st.integers(0, 3), st.integers(64, 5000), st.binary(max_size=300))
def test_sub_blocks_are_skipped_one_by_one_or_many_together(
    sizes: list[int], cut: int, block_size: int, after: bytes
) -> None:
    """Whatever they hold, wherever the window ends; a missing terminator is noticed."""
    data = b"".join(bytes([size]) + b"\xff" * size for size in sizes) + b"\0"
    data = data[:-cut] if cut else data + after
    end = 0
    while end < len(data) and data[end]:
        end += 1 + data[end]
    window = Window(io.BytesIO(data), block_size)
    if end < len(data):
        assert skip_sub_blocks(window, 0) == end + 1
    else:
        with pytest.raises(ImageError, match="ends in the middle"):
            skip_sub_blocks(window, 0)
