"""Which frames go to which mapped step: all of them, each once, in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetl_assets.images.bundle import FrameSpan
from imagetl_assets.mapped_steps import (
    MAX_MAPPED_STEPS,
    batches_of_step,
    frame_batches,
    frames_per_step,
    mapping_keys,
    number_of_steps,
)
from imagetl_assets.records import FrameIndex, RawFile

RAW = RawFile(path="a.img", size=9, sha256="0", version="1", source="x", source_id="y")


def index_of(total: int, per_step: int, *, gap: int = 1) -> FrameIndex:
    """Return an index of so many frames, of whose numbers all but each `gap`-th are missing."""
    spans = tuple(FrameSpan(i * gap, i * 10, 5, "GIF") for i in range(total))
    return FrameIndex(RAW, spans, (), per_step)


@given(st.integers(1, 3000), st.none() | st.integers(1, 100))
def test_batches_cover_all_frames_in_order(total: int, asked: int | None) -> None:
    per_step = asked or frames_per_step(total)
    spans = tuple(FrameSpan(i, i * 10, 5, "GIF") for i in range(total))
    index = FrameIndex(RAW, spans, (), per_step)
    batches = frame_batches(index)
    assert [i for part in batches.values() for i in part] == list(range(total))
    assert list(batches) == sorted(batches)
    assert index.file_names() == sorted(index.file_names())
    assert asked or len(batches) <= 64
    sizes = {len(part) for part in batches.values()}
    assert max(sizes) <= per_step
    assert max(sizes) - min(sizes) <= 1
    if total <= 64 and not asked:
        assert list(batches) == [f"frame_{i:02d}" for i in range(total)]


@pytest.mark.parametrize(
    ("frames", "each", "steps"), [(64, 1, 64), (65, 9, 8), (1000, 32, 32), (10_000, 157, 64)]
)
def test_steps_grow_with_the_frames(frames: int, each: int, steps: int) -> None:
    assert frames_per_step(frames) == each
    assert -(-frames // each) == steps


@given(
    st.lists(
        st.builds(index_of, st.integers(1, 300), st.integers(1, 90), gap=st.integers(1, 3)),
        min_size=1,
        max_size=40,
    )
)
def test_each_frame_batch_of_a_run_is_in_one_mapped_step(indexes: list[FrameIndex]) -> None:
    named = {f"{number}.img": index for number, index in enumerate(indexes)}
    keys = mapping_keys(named)
    assert len(set(keys)) == len(keys)
    assert len(keys) <= number_of_steps(named)
    found = [
        (partition, *batch)
        for key in keys
        for partition, batches in batches_of_step(named, key).items()
        for batch in batches.items()
    ]
    assert found == [
        (partition, *batch)
        for partition, index in named.items()
        for batch in frame_batches(index).items()
    ]
    if len(named) > 1:
        assert len(keys) <= MAX_MAPPED_STEPS


@pytest.mark.parametrize(
    "key", ["frame_99", "frames_00_09", "frame_batches_99", "other", "frame_x"]
)
def test_a_mapped_step_of_another_index_has_no_frames(key: str) -> None:
    one, two = index_of(9, 1), index_of(9, 3)
    assert batches_of_step({"a.img": one}, key) == {}
    assert batches_of_step({"a.img": one, "b.img": two}, key) == {}
