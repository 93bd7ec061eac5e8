"""Wuffs looks at image data faster than Pillow, and takes nothing that Pillow does not take."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagetl_assets.images import gif
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.gif import wuffs
from imagetl_assets.images.gif.pixels import alone
from imagetl_assets_tests.images.builders import Gif, still
from imagetl_assets_tests.images.strategies import gifs

pytest.importorskip("skia", reason="skia-python, libGL or libEGL is not installed")


def first_image(data: bytes) -> tuple[gif.GifImage, bytes]:
    image = gif.parse(data).images[0]
    return image, alone(image, *gif.image_bytes(image, data))


def code_size(image: gif.GifImage, data: bytes) -> int:
    return data[len(data) - image.data_length]


@given(gifs(side=40))
@settings(max_examples=100, deadline=None)
def test_whole_images_are_not_left_to_pillow(source: Gif) -> None:
    image, data = first_image(source.encode())
    assert wuffs.decodes(data, image.width * image.height, code_size(image, data))


@given(gifs(side=40), st.data())
@settings(max_examples=200, deadline=None)
def test_what_wuffs_takes_is_taken_by_pillow(source: Gif, draw: st.DataObject) -> None:
    """Image data with bytes changed, taken out or put in, or cut short."""
    image, sound = first_image(source.encode())
    data = bytearray(sound)
    first = len(data) - image.data_length
    for _ in range(draw.draw(st.integers(1, 3))):
        start = draw.draw(st.integers(first, len(data)))
        end = draw.draw(st.sampled_from([start, start + 1, start + 2, start + 20, len(data)]))
        data[start:end] = draw.draw(st.binary(max_size=4))
    size = data[first] if first < len(data) else 0
    if wuffs.decodes(bytes(data), image.width * image.height, size):
        gif.pixels(image, gif.image_bytes(image, source.encode())[0], bytes(data[first:]))


def test_too_large_images_and_other_sizes_are_left_to_pillow() -> None:
    image, data = first_image(still())
    size = code_size(image, data)
    assert wuffs.decodes(data, image.width * image.height, size)
    assert not wuffs.decodes(data, 5_000_000, size)
    assert not wuffs.decodes(data, image.width * image.height + 1, size)


def test_pillow_decides_where_the_code_size_is_less_than_the_format_allows() -> None:
    """Of four pixels, Wuffs finds all in these data, and Pillow does not."""
    head = "474946383961 0400 0100 000000 2c 0000 0000 0400 0100 81 000000 444444 888888 ffffff"
    data = bytes.fromhex(f"{head} 01 01 30 00")
    with pytest.raises(ImageError, match="damaged"):
        gif.check_pixels(data)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"no image"])
def test_what_is_no_gif_is_left_to_pillow(data: bytes) -> None:
    assert not wuffs.decodes(data, 1, 8)


def test_without_skia_pillow_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wuffs, "_skia", lambda: None)
    gif.check_pixels(still())
    cut = bytearray(still())
    (image,) = gif.parse(still()).images
    cut[image.data_offset + 2] ^= 0xFF
    with pytest.raises(ImageError, match="damaged"):
        gif.check_pixels(bytes(cut))
