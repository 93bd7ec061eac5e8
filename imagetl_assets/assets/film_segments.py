"""Which part of a film is encoded by which mapped step.

A film is divided into segments. Each segment is so much work that a mapped step for it is worth its
cost. In a run over many files, a step may encode several segments. If all of the work is enough for
one step only, there is no mapped step: the step that joins segments encodes the films itself.

As with frames (see `mapped_steps`), a mapped step gets only its mapping key. It finds out from the
records what it has to do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from imagetl_assets.assets.clip_config import ShownConfig
from imagetl_assets.images.bundle import is_sequential
from imagetl_assets.mapped_steps import MAX_MAPPED_STEPS, MAX_SEQUENTIAL_STEPS
from imagetl_assets.records import FrameFiles, FrameIndex

# One to three seconds of work for x264 on one core.
_PIXELS_OF_SEGMENT = 32_000_000
# Each segment begins with a key frame, which is large. x264 has one in 250 frames at least.
_PICTURES_OF_SEGMENT = 100


@dataclass(frozen=True)
class FilmSource:
    """What a film is made from: the index of the frames, and those that are stored."""

    index: FrameIndex
    files: FrameFiles

    @property
    def is_of_one_run(self) -> bool:
        """Whether the frames that are stored are those of the index."""
        return self.files.claim == self.index.claim


class Segment(NamedTuple):
    """A part of a film.

    Attributes:
        number: of the segment, from 0.
        frames: positions of its frames among those that are stored.
    """

    number: int
    frames: range


def film_sources(
    frames: Mapping[str, FrameIndex], frame_files: Mapping[str, FrameFiles]
) -> dict[str, FilmSource]:
    """Return what the films of a run are made from, by partition key."""
    return {
        key: FilmSource(frames[key], files) for key, files in frame_files.items() if key in frames
    }


def segments_of(source: FilmSource, config: ShownConfig) -> list[Segment]:
    """Return the segments of a film. Each has at least one picture."""
    frames, number = len(source.files.frames), _number_of_segments(source, config.every)
    bounds = [position * frames // number for position in range(number + 1)]
    return [Segment(i, range(bounds[i], bounds[i + 1])) for i in range(number)]


def mapping_keys(sources: Mapping[str, FilmSource], config: ShownConfig) -> list[str]:
    """Return the mapping keys of all mapped steps of a run; none, if one step can do it all.

    Args:
        sources: of all films of the run, by partition key.
        config: of the clips.
    """
    steps = list(dict.fromkeys(step for step, *_ in _in_turn(sources, config)))
    return steps if len(steps) > 1 else []


def segments_of_step(
    sources: Mapping[str, FilmSource], config: ShownConfig, mapping_key: str
) -> dict[str, list[Segment]]:
    """Return what one mapped step encodes, by partition key."""
    found: dict[str, list[Segment]] = {}
    for step, partition, segment in _in_turn(sources, config):
        if step == mapping_key:
            found.setdefault(partition, []).append(segment)
    return found


def _in_turn(
    sources: Mapping[str, FilmSource], config: ShownConfig
) -> Iterator[tuple[str, str, Segment]]:
    """Yield each segment of each film, after the key of its step and the partition."""
    pixels = {partition: _pixels(source, config.every) for partition, source in sources.items()}
    of_step = max(_PIXELS_OF_SEGMENT, math.ceil(sum(pixels.values()) / MAX_MAPPED_STEPS))
    before = 0.0
    for partition, source in sources.items():
        segments = segments_of(source, config)
        for segment in segments:
            step = segment.number if len(sources) == 1 else int(before // of_step)
            yield f"segments_{step:02d}", partition, segment
            before += pixels[partition] / len(segments)


def _number_of_segments(source: FilmSource, every: int) -> int:
    most = MAX_SEQUENTIAL_STEPS if is_sequential(source.index.kind) else MAX_MAPPED_STEPS
    wanted = math.ceil(_pixels(source, every) / _PIXELS_OF_SEGMENT)
    pictures = len(source.files.frames) // every
    return max(1, min(wanted, most, pictures // _PICTURES_OF_SEGMENT))


def _pixels(source: FilmSource, every: int) -> int:
    """Return how many pixels a film has, about: as a rule, its frames are of one size."""
    width, height = source.files.frames[0].layout.screen
    return width * height * -(-len(source.files.frames) // every)
