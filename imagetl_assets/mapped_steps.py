"""Which frames go to which mapped step.

The frames of a bundle are divided into frame batches. In a run over one bundle, each mapped step
stores one frame batch. In a run over several bundles, a step stores as many as make up some frames,
because many small bundles would cost more by their steps than by their frames.

Both sides of the mapping ask here: the step that starts the mapped steps, and each mapped step for
itself, as nothing but its mapping key travels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from imagetl_assets.records import FrameIndex

MAX_MAPPED_STEPS = 64
_FRAMES_OF_SEVERAL_BUNDLES = 32
_SHARED_EVENLY = 8


def frames_per_step(frames: int, *, sequential: bool = False) -> int:
    """Return how many frames of a bundle a mapped step stores, unless its config says so.

    One for up to `MAX_MAPPED_STEPS` frames. Above that, about as many as there are steps: fewer
    steps waste less time between them, more steps keep more workers busy. Where it can be, the
    number of steps is one that 2, 4 or 8 workers share evenly.

    If the images are `sequential`, each step decodes those before its own again, so there are at
    most 8 steps.
    """
    if sequential:
        return -(-frames // _SHARED_EVENLY)
    if frames <= MAX_MAPPED_STEPS:
        return 1
    steps = _SHARED_EVENLY * -(-math.isqrt(frames) // _SHARED_EVENLY)
    return -(-frames // min(steps, MAX_MAPPED_STEPS))


def frame_batches(index: FrameIndex) -> dict[str, range]:
    """Return the positions of the frames of each frame batch of a bundle, by its key.

    All have the same number of frames, or one less.
    """
    total = len(index.frames)
    batches = -(-total // index.per_step)
    ends = [number * total // batches for number in range(batches + 1)]
    parts = [range(start, end) for start, end in pairwise(ends)]
    return {_batch_key(index, part): part for part in parts}


def mapped_steps(indexes: Mapping[str, FrameIndex]) -> dict[str, list[tuple[str, str]]]:
    """Return the frame batches of each mapped step, by the mapping key of the step.

    Args:
        indexes: of the bundles of a run, by partition key.

    A frame batch is named by its partition key and its own key.
    """
    if len(indexes) == 1:
        ((partition, index),) = indexes.items()
        return {key: [(partition, key)] for key in frame_batches(index)}
    total = sum(len(index.frames) for index in indexes.values())
    enough = max(_FRAMES_OF_SEVERAL_BUNDLES, -(-total // MAX_MAPPED_STEPS))
    steps: list[list[tuple[str, str]]] = []
    room = 0
    for partition, index in indexes.items():
        for key, positions in frame_batches(index).items():
            if room <= 0:
                steps.append([])
                room = enough
            steps[-1].append((partition, key))
            room -= len(positions)
    return {f"frame_batches_{number:02d}": step for number, step in enumerate(steps)}


def _batch_key(index: FrameIndex, part: range) -> str:
    first, last = index.name(part[0]), index.name(part[-1])
    if index.per_step == 1:
        return first
    return f"frames_{first.removeprefix('frame_')}_{last.removeprefix('frame_')}"
