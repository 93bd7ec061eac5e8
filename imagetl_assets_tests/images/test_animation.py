"""One file with several images: each is a frame, as viewers show it, and keeps its time."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from PIL import Image, ImageSequence

from imagetl_assets.images.bundle import FrameSpan, find_frames, images
from imagetl_assets.images.errors import ImageError
from imagetl_assets_tests.images.archives import InMemory, kind_name
from imagetl_assets_tests.images.builders import SEPARATOR, Gif, picture, rgba, still
from imagetl_assets_tests.images.strategies import gifs

ANIMATION = "file with several images"
DURATIONS = [40, 100, 250, 70, 60, 500]
FORMATS: dict[str, dict[str, object]] = {
    "GIF": {},
    "PNG": {"default_image": False},
    "WEBP": {"lossless": True},
    "TIFF": {"compression": "tiff_deflate"},
}


def animated(kind: str, pictures: Sequence[Image.Image]) -> bytes:
    out = io.BytesIO()
    options: dict[str, object] = {**FORMATS[kind], "duration": DURATIONS[: len(pictures)]}
    if kind == "TIFF":
        del options["duration"]
    pictures[0].save(out, kind, save_all=True, append_images=pictures[1:], **options)
    return out.getvalue()


PICTURES = [picture(number, (19, 17)) for number in range(6)]


def frames(data: bytes, numbers: Sequence[int]) -> list[tuple[bytes, float | None]]:
    """Pixels and times of some frames, each of which has to be there."""
    spans = [piece for piece in find_frames(io.BytesIO(data)) if isinstance(piece, FrameSpan)]
    found = []
    for image in images(ANIMATION, InMemory(data), [spans[number] for number in numbers]):
        assert not isinstance(image, ImageError), image
        assert not isinstance(image.data, bytes)
        found.append((rgba(image.data).tobytes(), image.duration_ms))
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_each_image_is_a_frame_with_its_time(kind: str) -> None:
    data = animated(kind, PICTURES)
    assert kind_name(data) == ANIMATION
    assert [piece.number for piece in find_frames(io.BytesIO(data))] == list(range(6))
    times = [None] * 6 if kind == "TIFF" else DURATIONS
    expected = [(rgba(p).tobytes(), time) for p, time in zip(PICTURES, times, strict=True)]
    assert frames(data, range(6)) == expected
    for some in ([0], [5], [1, 2], [0, 3, 4]):
        assert frames(data, some) == [expected[number] for number in some]


def test_the_first_image_of_an_animated_png_may_be_none_of_it() -> None:
    out = io.BytesIO()
    cover = Image.new("RGB", (19, 17), "red")
    cover.save(
        out, "PNG", save_all=True, append_images=PICTURES, default_image=True, duration=DURATIONS
    )
    shown = [pixels for pixels, _ in frames(out.getvalue(), range(6))]
    assert shown == [rgba(p).tobytes() for p in PICTURES]


@given(gifs())
@settings(max_examples=100, deadline=None)
def test_gifs_are_seen_as_pillow_shows_them_where_all_are_drawn_on_the_same_screen(
    source: Gif,
) -> None:
    data = source.encode()
    if len(source.pictures) < 2:
        assert kind_name(data) != ANIMATION
        return
    assert kind_name(data) == ANIMATION
    assert len(frames(data, range(len(source.pictures)))) == len(source.pictures)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_with_one_image_and_a_bundle_of_animations_are_none(kind: str) -> None:
    one, several = animated(kind, PICTURES[:1]), animated(kind, PICTURES)
    assert kind_name(one) == "four newlines"
    assert kind_name(one + SEPARATOR) == "four newlines"
    assert kind_name(several + SEPARATOR + still()) == "four newlines"
    assert kind_name(several + b"\n") == ANIMATION
    assert len(list(find_frames(io.BytesIO(several + SEPARATOR + several)))) == 2


@pytest.mark.parametrize("kind", FORMATS)
def test_damage_is_told_and_what_was_before_it_is_right(kind: str) -> None:
    source = random.Random(5)
    data = animated(kind, PICTURES)
    whole = frames(data, range(6))
    spans = [piece for piece in find_frames(io.BytesIO(data)) if isinstance(piece, FrameSpan)]
    for _ in range(60):
        changed = bytearray(data)
        changed[source.randrange(len(data) // 2, len(data))] ^= source.randrange(1, 255)
        if kind_name(bytes(changed)) != ANIMATION:
            continue
        found = list(images(ANIMATION, InMemory(bytes(changed)), spans))
        assert len(found) == 6
        first = found[0]
        assert isinstance(first, ImageError) or first.duration_ms in (whole[0][1], 0, None)


def test_pages_after_a_damaged_one_are_there() -> None:
    pages = [Image.effect_noise((64, 64), 90) for _ in range(4)]
    data = bytearray(animated("TIFF", pages))
    with Image.open(io.BytesIO(data)) as tiff:
        tiff.seek(1)
        (at, *_), (length, *_) = tiff.tag_v2[273], tiff.tag_v2[279]
    data[at : at + length] = bytes(length)
    spans = [piece for piece in find_frames(io.BytesIO(data)) if isinstance(piece, FrameSpan)]
    found = list(images(ANIMATION, InMemory(bytes(data)), spans))
    assert [isinstance(image, ImageError) for image in found] == [False, True, False, False]


def test_what_pillow_and_imageio_count() -> None:
    import imageio.v3 as iio

    for kind in FORMATS:
        data = animated(kind, PICTURES)
        with Image.open(io.BytesIO(data)) as opened:
            assert sum(1 for _ in ImageSequence.Iterator(opened)) == 6
        assert sum(1 for _ in iio.imiter(io.BytesIO(data))) == 6
