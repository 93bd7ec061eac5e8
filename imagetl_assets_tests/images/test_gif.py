"""Parsing and assembling GIF, example by example; `test_gif_properties` has the rest."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple
from PIL import Image

from imagetl_assets.images import gif
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.gif.timing import delays
from imagetl_assets.images.transcode import join
from imagetl_assets_tests.images.builders import Gif, Picture, decode_all, lzw, rgba, still

GREYS = bytes(v for i in range(256) for v in (i, i, i))
COLOURS = bytes((i * 89 + i // 3) % 256 for i in range(768))


def noise(width: int, height: int, palette: bytes, transparent: int | None = None) -> bytes:
    """An image that uses all 256 entries of its colour table."""
    indices = bytes(i * 7 % 256 for i in range(width * height))
    picture = Picture(width, height, indices, palette, 8, transparent=transparent)
    return Gif(width, height, [picture]).encode()


def test_layout_says_where_everything_is() -> None:
    data = Gif(
        20,
        10,
        [Picture(3, 2, bytes(6), left=5, top=4, transparent=1, interlaced=True, disposal=2)],
        palette=bytes(12),
        extensions=[(0xFF, b"XMP DataXMPabc")],
    ).encode()
    layout = gif.parse(data)
    (image,) = layout.images
    assert (layout.width, layout.height) == (20, 10)
    assert astuple(image)[:5] == (5, 4, 3, 2, 1)
    assert (image.palette_offset, image.palette_length) == (13, 12)
    assert (image.transparent, image.delay, image.disposal) == (1, 10, 2)
    block = data[image.data_offset : image.data_offset + image.data_length]
    assert block == b"\x02" + bytes([len(lzw(bytes(6), 2))]) + lzw(bytes(6), 2) + b"\0"


def test_layout_is_short_json() -> None:
    layout = gif.parse(still())
    text = msgspec.json.encode(layout)
    assert len(text) < 60
    assert msgspec.json.decode(text, type=gif.GifLayout) == layout


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1],
        [1, -2, []],
        [1, 2, 3],
        [1, 70_000, []],
        [1, 2, [[*[1] * 6, 6, *[1] * 4, -5]]],
        [1, 2, [[*[1] * 6, 6, *[1] * 4, "x"]]],
        [1, 2, [[*[1] * 6, 6, *[1] * 4, True]]],
        [1, 2, [[*[1] * 6, 6, *[1] * 3]]],
        [1, 2, [[*[1] * 6, 7, *[1] * 5]]],
        [1, 2, [[65_535, *[1] * 5, 6, *[1] * 5]]],
        [1, 2, [[1, 1, 0, *[1] * 3, 6, *[1] * 5]]],
    ],
)
def test_other_json_is_no_layout(values: list[object]) -> None:
    assert msgspec.convert([1, 2, [[*[1] * 6, 6, *[1] * 5]]], gif.GifLayout).images
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(values, gif.GifLayout)


def test_error_survives_pickle() -> None:
    error = pickle.loads(pickle.dumps(ImageError("a problem", 7)))
    assert (type(error), error.problem, error.offset) == (ImageError, "a problem", 7)
    assert str(error) == "a problem (at byte 7)"
    assert str(ImageError("a problem")) == "a problem"


def test_imports_are_cheap() -> None:
    code = (
        "import sys, imagetl_assets.images.bundle, imagetl_assets.images.transcode,"
        " imagetl_assets.images.preview, imagetl_assets.images.delta;"
        "sys.exit(bool({'PIL', 'numpy', 'imageio', 'dagster', 'dask'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("data", "problem", "offset"),
    [
        (b"", "ends", 0),
        (b"GIF88a" + bytes(20), "not a GIF", 0),
        (b"GIF89a" + bytes(7) + b";", "no image", 13),
        (b"GIF89a" + bytes(7) + b"?", "no GIF block", 13),
        (b"GIF89a" + bytes(4) + b"\x87\0\0", "ends", 13),
        (b"GIF89a" + bytes(7) + b"!\xf9\x03\0\0\0\0\0", "wrong size", 13),
        (b"GIF89a" + bytes(7) + b"," + bytes(9) + b"\x02\0;", "no pixels", 13),
        (b"GIF89a" + bytes(7) + b",\xff\xff\0\0\1\0\1\0\0\x02\0;", "65,535", 13),
        (b"GIF89a" + bytes(7) + b",\0\0\0\0\1\0\1\0\0\x0c\0;", "code size", 23),
        (b"GIF89a" + bytes(9), "ends", 15),
    ],
)
def test_damage_is_named(data: bytes, problem: str, offset: int) -> None:
    with pytest.raises(ImageError, match=problem) as caught:
        gif.parse(data)
    assert caught.value.offset == offset


def test_every_truncation_is_an_error() -> None:
    data = still(1, 9, 9)
    for length in range(len(data) - 1):  # a trailer may be missing
        with pytest.raises(ImageError):
            gif.parse(data[:length])
    assert gif.parse(data + b"what follows the trailer").images


def test_check_pixels_finds_missing_and_impossible_codes() -> None:
    gif.check_pixels(still())
    short = Picture(8, 8, bytes(20), COLOURS[:12])
    with pytest.raises(ImageError, match="damaged") as caught:
        gif.check_pixels(Gif(8, 8, [short]).encode())
    assert caught.value.offset is not None
    sound = Gif(2, 2, [Picture(2, 2, bytes(4), COLOURS[:12])]).encode()
    (image,) = gif.parse(sound).images
    broken = bytearray(sound)
    broken[image.data_offset + 2 : image.data_offset + image.data_length - 1] = b"\xff" * (
        image.data_length - 3
    )
    with pytest.raises(ImageError, match="damaged"):
        gif.check_pixels(bytes(broken))


def test_check_pixels_refuses_a_bomb() -> None:
    with pytest.raises(ImageError, match="too large"):
        gif.check_pixels(Gif(1, 1, [Picture(65_535, 65_535, b"", COLOURS[:12])]).encode())


def test_check_pixels_does_not_take_the_next_image_for_data() -> None:
    short = Picture(8, 8, bytes(20), COLOURS[:12])
    whole = Picture(8, 8, bytes(64), COLOURS[:12])
    with pytest.raises(ImageError):
        gif.check_pixels(Gif(8, 8, [short, whole]).encode())


def test_clip_plays_as_told() -> None:
    clip = join([still(0), still(1)], duration_ms=125, loop=3)
    with Image.open(io.BytesIO(clip)) as image:
        assert image.info["loop"] == 3
        assert image.info["duration"] == 130  # 12.5 hundredths, rounded; the next has 12
        assert image.n_frames == 2
    with Image.open(io.BytesIO(join([still()], loop=None))) as image:
        assert "loop" not in image.info


def test_what_hundredths_cannot_tell_is_carried_on() -> None:
    """As ffmpeg does: 30 frames a second stay 30 frames a second."""
    stills = [still(number) for number in range(6)]
    layout = gif.parse(join(stills, duration_ms=gif.frame_duration(30)))
    assert [image.delay for image in layout.images] == [3, 4, 3, 3, 4, 3]
    layout = gif.parse(join(stills, duration_ms=gif.frame_duration(24)))
    assert sum(image.delay for image in layout.images) == 25


@given(st.lists(st.floats(20, 5000), min_size=1, max_size=30))
def test_times_are_right_in_sum_and_never_too_short_for_browsers(durations: list[float]) -> None:
    told = list(delays(durations))
    assert abs(sum(told) * 10 - sum(durations)) <= 5.001
    assert min(told) >= 2
    assert all(abs(10 * one - asked) <= 10 for one, asked in zip(told, durations, strict=True))


def test_times_that_browsers_do_not_show_are_made_longer() -> None:
    assert [gif.in_gif(told) for told in (0, 10, 11, 16.7, 20, 1e9)] == [
        100, 100, 20, 20, 20, 655_350]  # fmt: skip


def test_fps_becomes_a_duration() -> None:
    assert gif.frame_duration(20) == 50
    assert gif.hundredths(gif.frame_duration(30)) == 3
    with pytest.raises(ValueError, match="fps"):
        gif.frame_duration(0)
    with pytest.raises(ValueError, match="milliseconds"):
        gif.hundredths(700_000)
    with pytest.raises(ValueError, match="milliseconds"):
        gif.hundredths(float("nan"))
    with pytest.raises(ValueError, match="loop"):
        join([still()], loop=-1)


def test_comments_and_extensions_are_dropped() -> None:
    picture = Picture(1, 1, b"\1", COLOURS[:12], comment=b"a secret")
    data = Gif(1, 1, [picture], extensions=[(0xFF, b"XMP DataXMPprivate")]).encode()
    clip = join([data])
    assert b"secret" not in clip
    assert b"private" not in clip


def test_output_is_only_written() -> None:
    class Sink:
        def __init__(self) -> None:
            self.parts: list[bytes] = []

        def write(self, data: bytes | memoryview, /) -> None:
            self.parts.append(bytes(data))

    data = still()
    sink = Sink()
    layouts = [gif.parse(data)] * 3
    info = gif.assemble(
        ((layout, memoryview(data)) for layout in layouts), sink, screen=gif.screen_size(layouts)
    )
    assert info == gif.ClipInfo(3, 4, 3, len(b"".join(sink.parts)), 300)
    assert gif.parse(b"".join(sink.parts)).width == 4


def test_a_clip_needs_images_that_fit_their_layouts() -> None:
    data = still()
    layout = gif.parse(data)
    with pytest.raises(ImageError, match="no images"):
        join([])
    for wrong in (data[:-10], b"", bytes(20)):
        with pytest.raises(ImageError, match="layout"):
            gif.assemble([(layout, wrong)], io.BytesIO(), screen=gif.screen_size([layout]))


def test_every_nth_image_counts_across_animations() -> None:
    two = Gif(1, 1, [Picture(1, 1, b"\0", COLOURS[:12], delay=i) for i in (0, 1)]).encode()
    three = Gif(1, 1, [Picture(1, 1, b"\0", COLOURS[:12], delay=i) for i in (2, 3, 4)]).encode()
    layouts = [gif.parse(two), gif.parse(three), gif.parse(two)]
    for n, expected in ((1, [0, 1, 2, 3, 4, 0, 1]), (2, [0, 2, 4, 1]), (3, [0, 3, 1]), (9, [0])):
        kept = list(gif.every_nth(layouts, n))
        assert [image.delay for layout in kept for image in layout.images] == expected
    with pytest.raises(ValueError, match="every"):
        next(gif.every_nth(layouts, 0))


def test_equal_opaque_frames_are_kept_on_screen() -> None:
    layout = gif.parse(still())
    assert not gif.screen_size([layout, layout]).clear
    assert gif.screen_size([layout, gif.parse(still(0, 5, 5))]) == gif.Screen(5, 5, clear=True)
    assert gif.screen_size([layout, gif.parse(still(0, 3, 3))]) == gif.Screen(4, 3, clear=True)
    assert gif.screen_size([gif.parse(noise(1, 1, COLOURS, transparent=0))]).clear


@pytest.mark.parametrize("clear", [False, True])
def test_first_frame_of_256_greys_leaves_colours_to_others(clear: bool) -> None:
    """Pillow sees colours in a clip only if the first table is no ramp of greys."""
    frames = [noise(16, 16, GREYS), noise(16, 16, COLOURS)]
    if clear:
        frames.append(noise(5, 5, COLOURS))
    shown = decode_all(join(frames))
    for image, frame in zip(shown, frames, strict=True):
        (alone,) = decode_all(frame)
        assert image.crop((0, 0, *alone.size)) == alone


def test_first_frame_with_doubled_colours_gets_a_transparent_index() -> None:
    doubled = COLOURS[:384] * 2
    frames = [noise(16, 16, doubled), still(0, 3, 3), still(1, 20, 20)]
    shown = decode_all(join(frames))
    assert shown[1].getpixel((10, 10)) == (0, 0, 0, 0)
    assert shown[0].crop((0, 0, 16, 16)) == decode_all(frames[0])[0]
    assert shown[0].getpixel((18, 18)) == (0, 0, 0, 0)


def test_first_frame_with_256_colours_keeps_them() -> None:
    """There is no index to spare for transparency: the colours come before what is around them."""
    frames = [noise(16, 16, COLOURS), still(1, 20, 20)]
    shown = decode_all(join(frames))
    assert shown[0].crop((0, 0, 16, 16)) == decode_all(frames[0])[0]
    assert shown[1] == rgba(Image.open(io.BytesIO(frames[1])))
