"""Finding frames: whatever lies between the separators, and whatever is damaged."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import PngImagePlugin

from imagetl_assets.images.bundle import (
    DamagedFrame,
    FrameSpan,
    find_frames,
    looks_like_bundle,
)
from imagetl_assets.images.bundles import KINDS
from imagetl_assets.images.bundles.four_newlines import FourNewlines
from imagetl_assets.images.gif import parse
from imagetl_assets_tests.images.builders import (
    SEPARATOR,
    Gif,
    Picture,
    encode,
    picture,
    still,
)
from imagetl_assets_tests.images.bundles import ALTERATIONS, EACH, contents, pieces, with_newlines

PALETTE = bytes(range(12))
WHITESPACE = b"\n\r\t "


def test_a_bundle_of_all_formats() -> None:
    bundle = SEPARATOR.join(EACH.values())
    found = pieces(bundle)
    assert [piece.format for piece in found if isinstance(piece, FrameSpan)] == list(EACH)
    assert [piece.number for piece in found] == list(range(len(EACH)))
    assert contents(bundle) == list(EACH.values())


def png_with_text(text: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", text)
    return encode(picture(), "PNG", pnginfo=info)


@given(
    st.lists(st.sampled_from([*EACH.values(), with_newlines()]), max_size=6),
    st.integers(0, 9),
    st.lists(st.integers(4, 13), min_size=6, max_size=6),
    st.integers(0, 9),
    st.sampled_from([64, 100, 1000, 1 << 20]),
)
@settings(max_examples=200, deadline=None)
def test_newlines_around_and_between(
    images: list[bytes], before: int, between: list[int], after: int, block_size: int
) -> None:
    parts = [b"\n" * before]
    for image, count in zip(images, between, strict=False):
        parts += [image, b"\n" * count]
    bundle = b"".join(parts) + b"\n" * after
    assert contents(bundle, block_size) == images


@pytest.mark.parametrize(
    "image",
    [
        with_newlines(),
        with_newlines(SEPARATOR + b"GIF89a"),
        with_newlines(b"x" * 250 + SEPARATOR + still() + SEPARATOR),
        encode(picture(mode="L").point(lambda _: 10), "BMP"),
        encode(picture(mode="L").point(lambda _: 10), "TIFF"),
        png_with_text("a\n\n\n\nb"),
        encode(picture(), "JPEG", comment=b"a\n\n\n\nb"),
        encode(picture(), "WEBP", lossless=True, exif=b"Exif\0\0\n\n\n\n\n\n"),
    ],
    ids=["gif", "gif-signature", "gif-in-gif", "bmp", "tiff", "png", "jpeg", "webp"],
)
@pytest.mark.parametrize("block_size", [64, 1 << 20])
def test_newlines_in_an_image_do_not_cut_it(image: bytes, block_size: int) -> None:
    assert SEPARATOR in image
    images = [still(1), image, still(2), image]
    assert contents(SEPARATOR.join(images), block_size) == images


def test_bytes_after_an_image_stay_with_it() -> None:
    images = [still() + b"\0\0", EACH["PNG"] + b"\ntrailer", EACH["JPEG"] + bytes(range(99))]
    assert contents(SEPARATOR.join(images)) == images


@pytest.mark.parametrize("gap", [b"", b"\n", b"\n\n\n"])
def test_a_missing_separator_is_damage(gap: bytes) -> None:
    first, second, third = still(0), EACH["PNG"], still(2)
    found = pieces(first + gap + second + SEPARATOR + third)
    assert isinstance(found[0], DamagedFrame)
    assert "PNG image follows without the four newlines" in found[0].problem
    assert isinstance(found[1], FrameSpan)


@pytest.mark.parametrize("separator", [SEPARATOR, *ALTERATIONS.values()], ids=["lf", *ALTERATIONS])
@pytest.mark.parametrize("kind", EACH)
def test_every_truncation_of_every_format(kind: str, separator: bytes) -> None:
    """One frame is cut short anywhere: it alone is reported, with its number and offset."""
    whole = EACH[kind]
    for other in EACH.values() if separator == SEPARATOR else (still(7), EACH["JPEG"]):
        for length in range(1, len(whole), max(1, len(whole) // 200)):
            images = [still(5), whole[:length], other, still(6)]
            if images[1].endswith((b"\n", b"\r", b"\t", b" ")):
                continue
            found = pieces(separator.join(images))
            intact = [p for p in found if isinstance(p, FrameSpan)]
            assert [p.number for p in intact] in ([0, 2, 3], [0, 1, 2, 3]), (length, found)
            if len(intact) == 4:  # only what no decoder misses was cut off
                assert kind != "JPEG", (length, found)
                assert kind != "GIF" or length == len(whole) - 1
            else:
                (damaged,) = (p for p in found if isinstance(p, DamagedFrame))
                assert damaged.number == 1
                assert damaged.offset == len(images[0] + separator)
                assert damaged.length == length


@given(
    st.lists(st.integers(0, 40), min_size=2, max_size=8),
    st.sets(st.integers(0, 7)),
    st.randoms(use_true_random=False),
    st.sampled_from([64, 1 << 20]),
    st.sampled_from([SEPARATOR, *ALTERATIONS.values()]),
)
@settings(max_examples=300, deadline=None)
def test_damaged_frames_leave_their_neighbours_alone(
    numbers: list[int],
    broken: set[int],
    source: random.Random,
    block_size: int,
    separator: bytes,
) -> None:
    images: list[bytes] = []
    for i, number in enumerate(numbers):
        image = still(number, 3 + number, 9)
        if i in broken:
            image = image[: source.randrange(6, len(image) - 1)].rstrip(WHITESPACE)
        images.append(image)
    found = pieces(separator.join(images), block_size)
    offset = 0
    for i, (image, piece) in enumerate(zip(images, found, strict=True)):
        assert (piece.number, piece.offset, piece.length) == (i, offset, len(image))
        assert isinstance(piece, DamagedFrame if i in broken else FrameSpan)
        offset += len(image + separator)


def test_damage_does_not_multiply_newlines_within() -> None:
    broken = bytearray(with_newlines())
    broken[-2] = 1  # the terminator of the image data
    found = pieces(SEPARATOR.join([still(), bytes(broken), still()]))
    assert [type(piece) for piece in found] == [FrameSpan, DamagedFrame, FrameSpan]


def test_unknown_pieces_are_cut_at_separators() -> None:
    found = pieces(SEPARATOR.join([b"first", b"second", still(), b"third\n"]))
    assert [type(piece) for piece in found] == [DamagedFrame] * 2 + [FrameSpan, DamagedFrame]
    assert isinstance(found[0], DamagedFrame)
    assert found[0].problem.startswith("no known image format begins with the bytes 66 69 72")


@pytest.mark.parametrize("bundle", [b"", b"\n", b"\n" * 400])
def test_an_empty_bundle_has_no_frames(bundle: bytes) -> None:
    assert pieces(bundle) == []


@pytest.mark.parametrize("separator", [SEPARATOR, b"\r\n" * 4])
def test_files_that_overlap_themselves_end_soon(separator: bytes) -> None:
    """Each start runs to the common end: looked at one by one this would take hours."""
    head = Gif(1, 1, [Picture(1, 1, b"\0", PALETTE)]).encode()
    start = head[: parse(head).images[0].data_offset + 1]
    bundle = (start + bytes([len(separator)]) + separator) * 30_000 + head
    found = pieces(bundle)
    assert found[-1].offset + found[-1].length == len(bundle)


def test_many_damaged_pieces_are_found_soon() -> None:
    found = pieces((b"abcd" + SEPARATOR) * 20_000)
    assert [piece.length for piece in found] == [4] * 20_000
    starts = still() + b"--" + EACH["PNG"][:40] * 20_000
    assert len(pieces(starts)) == 1


class OneRead(io.BytesIO):
    """A file that counts what is read of it, and gives less than asked for, as pipes do."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.taken = 0
        self.largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(min(1000, size if size and size > 0 else 1000))
        self.taken += len(part)
        self.largest = max(self.largest, size or 0)
        return part


def test_a_bundle_is_read_once_in_ranges() -> None:
    images: Sequence[bytes] = [still(i, 40, 40) for i in range(40)]
    file = OneRead(SEPARATOR.join(images))
    found = list(find_frames(file, block_size=10_000))
    assert len(found) == 40
    assert file.taken == len(file.getvalue())
    assert file.largest <= 10_000


def test_a_file_that_shrinks_is_no_damaged_frame() -> None:
    class Shrinking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return b""

    with pytest.raises(OSError, match="shorter"):
        list(find_frames(Shrinking(still())))


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (b"", "empty"),
        (b"\n\n\n\n", "nothing but newlines"),
        (b"<!DOCTYPE html><html>", "HTML page"),
        (b"\n  <html lang='en'>", "HTML page"),
        (b"<?xml version='1.0'?>", "XML"),
        (b'{"error": 404}', "JSON"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        (b"%PDF-1.7\n%\xe2\xe3" + bytes(99), "(application/pdf)"),
        (b"8BPS\0\1" + bytes(99), "hotoshop"),
        (b"7z\xbc\xaf'\x1c\0\4" + bytes(99), "7-Zip"),
        (b"\x7fELF\2\1\1" + bytes(99), "ELF executable"),
        (b"a letter\nto somebody", "it starts like a text (61 20 6c"),
        (bytes(512), "those of no known format (00 00"),
        (b"\x80\x81\x99\x98" * 99, "those of no known format (80 81"),
    ],
)
def test_what_is_no_bundle_is_named(head: bytes, problem: str) -> None:
    answer = looks_like_bundle(head)
    assert answer is not None
    assert problem in answer
    assert answer.endswith("images with four newlines between them")


@pytest.mark.parametrize("kind", EACH)
def test_every_format_starts_a_bundle(kind: str) -> None:
    assert looks_like_bundle(b"\n\n\n\n\n" + EACH[kind][:64]) is None


def test_the_kind_that_gets_what_no_other_takes_is_the_last_one() -> None:
    assert isinstance(KINDS[-1], FourNewlines)
    assert not any(isinstance(kind, FourNewlines) for kind in KINDS[:-1])


def with_comment(kind: str, comment: bytes) -> bytes:
    """A picture that has these bytes in its metadata."""
    image, text = picture(size=(30, 20)), comment.decode("latin-1")
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", text)
        return encode(image, kind, pnginfo=info)
    if kind == "TIFF":
        return encode(image, kind, tiffinfo={700: comment})
    return encode(image, kind, **{"xmp" if kind == "WEBP" else "comment": comment})


@pytest.mark.parametrize("length", [8, 60, None])
@pytest.mark.parametrize("inner", EACH)
@pytest.mark.parametrize("outer", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_picture_may_have_a_separator_and_an_image_in_its_metadata(
    outer: str, inner: str, length: int | None
) -> None:
    after = b"the end " if length is None else b""
    data = with_comment(outer, SEPARATOR + EACH[inner][:length] + after)
    found = pieces(SEPARATOR.join([still(1), data, still(2)]))
    assert [type(piece) for piece in found] == [FrameSpan] * 3
    assert found[1].length == len(data)
