"""Separators that a transfer has altered, or that are missing: nothing is lost in silence."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagetl_assets.images.bundle import (
    DamagedFrame,
    FrameSpan,
    Remarks,
    find_frames,
    looks_like_bundle,
)
from imagetl_assets.images.bundles.four_newlines import ALTERED, TRAILING
from imagetl_assets_tests.images.builders import (
    SEPARATOR,
    still,
)
from imagetl_assets_tests.images.bundles import ALTERATIONS, EACH, pieces, with_newlines

PALETTE = bytes(range(12))
WHITESPACE = b"\n\r\t "
_line_ends = st.sampled_from([b"\n", b"\r\n", b"\r", b" \n", b"\t\r\n"])
altered_separators = (
    st.lists(_line_ends, min_size=4, max_size=9)
    .map(b"".join)
    .filter(lambda gap: len(re.findall(rb"\r\n|\n|\r", gap)) >= 4)
)
too_short = st.lists(_line_ends | st.just(b" "), max_size=3).map(b"".join)


@given(
    st.lists(st.tuples(st.sampled_from([*EACH.values(), with_newlines()]), altered_separators)),
    altered_separators | st.just(b""),
    st.sampled_from([64, 100, 1000, 1 << 20]),
)
@settings(max_examples=300, deadline=None)
def test_line_ends_that_were_altered_separate_too_and_are_noted(
    images: list[tuple[bytes, bytes]], before: bytes, block_size: int
) -> None:
    bundle = before + b"".join(image + gap for image, gap in images)
    remarks = Remarks()
    found = list(find_frames(io.BytesIO(bundle), block_size=block_size, remarks=remarks))
    spans = [(piece.offset, piece.length) for piece in found if isinstance(piece, FrameSpan)]
    assert [bundle[o : o + n] for o, n in spans] == [image for image, _ in images]
    assert len(spans) == len(found)
    gaps = [before, *(gap for _, gap in images)]
    assert remarks.count(ALTERED) == sum(gap.strip(b"\n") != b"" for gap in gaps)
    assert remarks.count(TRAILING) == 0


@pytest.mark.parametrize("separator", ALTERATIONS.values(), ids=ALTERATIONS)
@pytest.mark.parametrize("kind", EACH)
def test_altered_separators_are_told(kind: str, separator: bytes) -> None:
    remarks = Remarks()
    bundle = separator.join([EACH[kind]] * 3)
    assert looks_like_bundle((separator + bundle)[:64]) is None
    assert len(list(find_frames(io.BytesIO(bundle), remarks=remarks))) == 3
    (text,) = remarks.texts()
    assert text.startswith("separators with line ends other than LF")
    assert text.endswith(f": 2, the first at byte {len(EACH[kind]):,}")


@given(
    st.lists(st.tuples(st.sampled_from([*EACH.values(), with_newlines()]), too_short), min_size=2),
    st.sampled_from([64, 1 << 20]),
)
@settings(max_examples=300, deadline=None)
def test_no_image_is_lost_in_silence_where_separators_are_too_short(
    images: list[tuple[bytes, bytes]], block_size: int
) -> None:
    bundle = b"".join(image + gap for image, gap in images)
    found = pieces(bundle, block_size)
    *damaged, last = found
    assert len(found) == len(images)
    offset = 0
    for piece, (image, gap) in zip(damaged, images, strict=False):
        assert isinstance(piece, DamagedFrame)
        assert "image follows without the four newlines between" in piece.problem
        assert (piece.offset, piece.length) == (offset, len(image + gap))
        offset += piece.length
    assert isinstance(last, FrameSpan)


@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize("between", [b"--boundary--", b"junk\r\n", b"\0\0\0"])
def test_an_image_behind_other_bytes_is_not_lost_in_silence(kind: str, between: bytes) -> None:
    first, second = still(1), EACH[kind]
    found = pieces(first + between + second + SEPARATOR + still(2))
    assert [type(piece) for piece in found] == [DamagedFrame, FrameSpan, FrameSpan]
    assert found[0].length == len(first + between)
    assert found[1].offset == len(first + between)
    separated = pieces(first + between + b"\r\n" * 4 + second)
    assert [type(piece) for piece in separated] == [FrameSpan, FrameSpan]


@pytest.mark.parametrize("inside", ALTERATIONS.values(), ids=ALTERATIONS)
@pytest.mark.parametrize("after", [SEPARATOR, b"\r\n" * 4, b"\r" * 4, b"\n \n \n \n"])
def test_a_truncated_image_takes_no_neighbour_along_whatever_separates_them(
    inside: bytes, after: bytes
) -> None:
    """Cut in a comment, it takes all but the last two bytes of the next image for the rest of it.

    These two are those that end a comment, and a GIF.
    """
    second = still(2)
    cut = still(1)[:-1] + b"\x21\xfe" + bytes([len(inside + second) - 2])
    bundle = still(3) + after + cut + inside + second + after + still(4)
    found = pieces(bundle)
    assert [type(piece) for piece in found] == [FrameSpan, DamagedFrame, FrameSpan, FrameSpan]
    assert bundle[found[2].offset :][: found[2].length] == second


def test_bytes_after_an_image_are_noted() -> None:
    remarks = Remarks()
    bundle = SEPARATOR.join([still() + b"\0\0", still() + b"trailer", EACH["JPEG"]])
    assert len(list(find_frames(io.BytesIO(bundle), remarks=remarks))) == 3
    (text,) = remarks.texts()
    assert text.startswith("images with bytes after their end")
    assert text.endswith(f": 1, the first at byte {2 * len(still()) + 6}")
