"""Which frames go to which mapped step.

The frames of a bundle are divided into frame batches. In a run over one bundle, each mapped step
stores one frame batch. In a run over several bundles, a mapped step stores the frame batches of
several small bundles, because a step for each would cost more than its frames do.

Two callers use these functions: the step that starts the mapped steps, and each mapped step, which
gets only its mapping key and finds out itself which frames it has to store.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping

from imagetl_assets.records import FrameIndex

MAX_MAPPED_STEPS = 64
MAX_SEQUENTIAL_STEPS = 8
"""For images that cannot be had without decoding those before them, which each step does anew."""

_FRAMES_OF_SEVERAL_BUNDLES = 32
_SHARED_EVENLY = 8
_STEP_NAME = "frame_batches"


def frames_per_step(frames: int, *, sequential: bool = False) -> int:
    """Return how many frames of a bundle a mapped step stores, unless its config says so.

    One for up to `MAX_MAPPED_STEPS` frames. Above that, about as many as there are steps: fewer
    steps waste less time between them, more steps keep more workers busy. Where it can be, the
    number of steps is one that 2, 4 or 8 workers share evenly.

    If the images are `sequential`, each step decodes those before its own again, so there are at
    most `MAX_SEQUENTIAL_STEPS`.
    """
    if sequential:
        return -(-frames // MAX_SEQUENTIAL_STEPS)
    if frames <= MAX_MAPPED_STEPS:
        return 1
    steps = _SHARED_EVENLY * -(-math.isqrt(frames) // _SHARED_EVENLY)
    return -(-frames // min(steps, MAX_MAPPED_STEPS))


def frame_batches(index: FrameIndex) -> dict[str, range]:
    """Return the positions of the frames of each frame batch of a bundle, by its key.

    All have the same number of frames, or one less.
    """
    parts = (_positions(index, number) for number in range(number_of_batches(index)))
    return {_batch_key(index, part): part for part in parts}


def number_of_batches(index: FrameIndex) -> int:
    """Return how many frame batches a bundle has."""
    return -(-len(index.frames) // index.per_step)


def number_of_steps(indexes: Mapping[str, FrameIndex]) -> int:
    """Return how many mapped steps a run has, about."""
    if len(indexes) == 1:
        return number_of_batches(*indexes.values())
    return -(-sum(len(index.frames) for index in indexes.values()) // _enough(indexes))


def mapping_keys(indexes: Mapping[str, FrameIndex]) -> list[str]:
    """Return the mapping keys of all mapped steps of a run.

    Args:
        indexes: of the bundles of the run, by partition key.
    """
    if len(indexes) == 1:
        (index,) = indexes.values()
        return list(frame_batches(index))
    enough = _enough(indexes)
    numbers: dict[int, None] = {}
    for _, index, before in _in_turn(indexes):
        for number in range(number_of_batches(index)):
            numbers[(before + _positions(index, number).start) // enough] = None
    return [_step_key(number) for number in numbers]


def batches_of_step(
    indexes: Mapping[str, FrameIndex], mapping_key: str
) -> dict[str, dict[str, range]]:
    """Return what one mapped step stores: the positions of frame batches by partition and key.

    A run may have thousands of mapped steps and of bundles, so only the bundles of this step are
    looked at closely. Nothing is returned for a step that is not one of these bundles.
    """
    if len(indexes) == 1:
        ((partition, index),) = indexes.items()
        batch = _batch_of_key(index, mapping_key)
        return {} if batch is None else {partition: {mapping_key: batch}}
    name, _, number = mapping_key.rpartition("_")
    if name != _STEP_NAME:
        return {}
    enough = _enough(indexes)
    found: dict[str, dict[str, range]] = {}
    first, end = int(number) * enough, (int(number) + 1) * enough
    for partition, index, before in _in_turn(indexes):
        if before < end and before + len(index.frames) > first:
            parts = frame_batches(index).items()
            own = {key: part for key, part in parts if first <= before + part.start < end}
            if own:
                found[partition] = own
    return found


def _enough(indexes: Mapping[str, FrameIndex]) -> int:
    """Return how many frames of several bundles a mapped step stores, to the end of a batch."""
    total = sum(len(index.frames) for index in indexes.values())
    return max(_FRAMES_OF_SEVERAL_BUNDLES, -(-total // MAX_MAPPED_STEPS))


def _in_turn(indexes: Mapping[str, FrameIndex]) -> Iterator[tuple[str, FrameIndex, int]]:
    """Yield the bundles, each with the number of frames of those before it."""
    before = 0
    for partition, index in indexes.items():
        yield partition, index, before
        before += len(index.frames)


def _positions(index: FrameIndex, batch: int) -> range:
    total, batches = len(index.frames), number_of_batches(index)
    return range(batch * total // batches, (batch + 1) * total // batches)


def _batch_of_key(index: FrameIndex, key: str) -> range | None:
    """Return the positions of the batch with this key, found by the number of its first frame."""
    numbers = key.split("_")[1:]
    if not numbers or not numbers[0].isdecimal():
        return None
    position = bisect_left(index.frames, int(numbers[0]), key=lambda span: span.number)
    batches = number_of_batches(index)
    # The last batch that begins at this position or before it.
    part = _positions(index, ((position + 1) * batches - 1) // len(index.frames))
    return part if position < len(index.frames) and _batch_key(index, part) == key else None


def _batch_key(index: FrameIndex, part: range) -> str:
    first, last = index.name(part[0]), index.name(part[-1])
    if index.per_step == 1:
        return first
    return f"frames_{first.removeprefix('frame_')}_{last.removeprefix('frame_')}"


def _step_key(number: int) -> str:
    return f"{_STEP_NAME}_{number:02d}"
