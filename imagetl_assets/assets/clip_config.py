"""What users can say of a clip, whatever its format."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from dagster import Failure
from pydantic import Field, field_validator

from imagetl_assets.assets.checked_config import CheckedConfig
from imagetl_assets.assets.clip_parts import Part
from imagetl_assets.images import gif
from imagetl_assets.names import check_clip_name

DEFAULT_DURATION_MS = 100.0

ONCE = -1

# Browsers take a shorter time for none, and show such a frame for 100 ms.
_SHORTEST_MS = 20.0
_LONGEST_MS = 655_350.0


class ShownConfig(CheckedConfig):
    """How a clip is called, which frames it shows, and for how long.

    `extension` is that of the names that it can have.
    """

    extension: ClassVar[str]

    filename: str = Field(description="Name of the clip in the partition folder.")
    frame_duration_ms: float | None = Field(
        default=None,
        ge=0,
        le=655_350,
        description=(
            "How long each frame is shown, in milliseconds. Default: as long as the bundle says, "
            f"which animations do; else {DEFAULT_DURATION_MS}."
        ),
    )
    every: int = Field(default=1, ge=1, description="Take every n-th frame only.")
    fps: float | None = Field(
        default=None, gt=0, description="Frames a second, instead of frame_duration_ms."
    )

    realtime: float | None = Field(
        default=None,
        gt=0,
        description=(
            "Show frames for as long as passed between the times when they were taken, so many "
            "times faster: with 60, an hour is a minute."
        ),
    )

    @field_validator("filename")
    @classmethod
    def _is_name(cls, name: str) -> str:
        return check_clip_name(name, cls.extension)

    def durations(self, parts: Sequence[Part]) -> float | list[float]:
        """Return how long each part is shown, in milliseconds; one number if it is the same.

        Raises:
            Failure: it depends on times that are not known.
        """
        if self.fps is not None:
            return gif.frame_duration(self.fps)
        if self.frame_duration_ms is not None:
            return self.frame_duration_ms
        if self.realtime is not None:
            return _by_time(parts, self.realtime)
        told = [part.duration_ms for part in parts]
        if all(duration is None for duration in told):
            return DEFAULT_DURATION_MS
        return [DEFAULT_DURATION_MS if one is None else one for one in told]


def _by_time(parts: Sequence[Part], speed: float) -> list[float]:
    """Return how long each part is shown, until that of the next; the last as long as on average.

    Frames of the same moment, or in another order than their times, are shown for a moment.
    """
    times = [part.time for part in parts if part.time is not None]
    if len(times) < len(parts):
        raise Failure(
            f"realtime needs the time of each frame, but {len(parts) - len(times):,} of "
            f"{len(parts):,} frames have none: set frame_duration_ms or fps instead",
            allow_retries=False,
        )
    passed = [(after - before) * 1000 / speed for before, after in pairwise(times)]
    shown = [min(max(one, _SHORTEST_MS), _LONGEST_MS) for one in passed]
    return [*shown, sum(shown) / len(shown) if shown else DEFAULT_DURATION_MS]


class ClipConfig(ShownConfig):
    """How a clip is called and how it plays."""

    loop: int = Field(
        default=0,
        ge=ONCE,
        le=65_535,
        description="How often the clip is repeated; 0 is for ever, -1 not at all: it plays once.",
    )

    @property
    def repetitions(self) -> int | None:
        """How often it is repeated; 0 for ever, None not at all."""
        return None if self.loop == ONCE else self.loop
