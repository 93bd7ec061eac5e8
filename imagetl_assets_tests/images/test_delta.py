"""Frame differencing: less to store, the same to see."""

from __future__ import annotations

import io
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple
from PIL import Image

from imagetl_assets.images import gif
from imagetl_assets.images.delta import delta
from imagetl_assets.images.transcode import join, to_gif
from imagetl_assets_tests.images.builders import decode_all, encode, picture


def clip_of_deltas(frames: list[bytes]) -> bytes:
    deltas = frames[:1] + [delta(a, b) or b for a, b in pairwise(frames)]
    layouts = [gif.parse(d) for d in deltas]
    out = io.BytesIO()
    screen = gif.screen_size(layouts, deltas=True)
    gif.assemble(zip(layouts, deltas, strict=True), out, screen=screen)
    return out.getvalue()


@given(st.lists(st.binary(min_size=48, max_size=48), min_size=1, max_size=5), st.integers(1, 255))
@settings(max_examples=100, deadline=None)
def test_deltas_show_the_same(contents: list[bytes], mask: int) -> None:
    """The mask makes pixels of frames more or less alike."""
    pictures = [
        Image.frombytes("RGB", (4, 4), bytes(value & mask for value in data)) for data in contents
    ]
    frames = [to_gif(encode(image, "PNG")) for image in pictures]
    shown = decode_all(clip_of_deltas(frames))
    assert [image.tobytes() for image in shown] == [
        image.convert("RGBA").tobytes() for image in pictures
    ]


def test_only_what_changed_is_kept() -> None:
    before = picture(size=(200, 100))
    after = before.copy()
    after.putpixel((30, 40), (1, 2, 3))
    after.putpixel((32, 41), (4, 5, 6))
    frames = [to_gif(encode(image, "PNG")) for image in (before, after)]
    (image,) = gif.parse(delta(*frames) or b"").images
    assert astuple(image)[:4] == (30, 40, 3, 2)
    assert image.transparent >= 0
    assert len(clip_of_deltas(frames)) < len(join(frames)) * 0.6


def test_all_256_colours_may_change() -> None:
    frames = []
    for shift in (0, 1):
        image = Image.new("RGB", (16, 17))
        image.putdata([((i + shift) % 256, i // 16 % 16, 0) for i in range(256)] + [(0, 0, 0)] * 16)
        frames.append(to_gif(encode(image, "PNG")))
    shown = decode_all(clip_of_deltas(frames))
    assert [i.tobytes() for i in shown] == [decode_all(frame)[0].tobytes() for frame in frames]


def test_animations_count_image_by_image() -> None:
    frames = [join([to_gif(encode(picture(n), "PNG")) for n in (m, m + 1)]) for m in (0, 2)]
    shown = decode_all(clip_of_deltas(frames))
    expected = [image for frame in frames for image in decode_all(frame)]
    assert [image.tobytes() for image in shown] == [image.tobytes() for image in expected]


def test_where_nearly_all_changes_nothing_is_made() -> None:
    pictures = [Image.effect_noise((60, 40), sigma).convert("RGB") for sigma in (40, 60)]
    assert delta(*[to_gif(encode(image, "PNG")) for image in pictures]) is None
