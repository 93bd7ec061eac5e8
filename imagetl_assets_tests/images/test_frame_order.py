"""Frames in the order in which they were written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetl_assets.images.bundle import DamagedFrame, FrameSpan
from imagetl_assets.images.errors import BundleError
from imagetl_assets.images.frame_order import by_time


@given(st.lists(st.none() | st.integers(0, 5)))
def test_pieces_are_sorted_by_time_and_numbered_anew(times: list[int | None]) -> None:
    pieces = [
        DamagedFrame(i, 0, 1, "cut") if time is None else FrameSpan(i, i, 1, "PNG", time=time)
        for i, time in enumerate(times)
    ]
    ordered = by_time(pieces)
    assert [piece.number for piece in ordered] == list(range(len(times)))
    images = [piece for piece in ordered if isinstance(piece, FrameSpan)]
    assert [(p.time, p.offset) for p in images] == sorted((p.time, p.offset) for p in images)
    assert ordered[: len(images)] == images


def test_an_image_without_a_time() -> None:
    with pytest.raises(BundleError, match="does not tell when image 1 was written"):
        by_time([FrameSpan(0, 0, 1, "PNG", time=1), FrameSpan(1, 1, 1, "PNG")])
