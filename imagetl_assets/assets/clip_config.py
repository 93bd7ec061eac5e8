"""The config of a clip, for all formats: its name, which frames it shows, and for how long."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from dagster import Failure
from pydantic import Field, ValidationInfo, field_validator

from imagetl_assets.assets.checked_config import CheckedConfig
from imagetl_assets.assets.clip_parts import Part
from imagetl_assets.images import gif
from imagetl_assets.names import check_clip_name

DEFAULT_DURATION_MS = 100.0

ONCE = -1

SLOWEST_FPS = 0.002
"""Frames a second: about the longest time that a GIF can tell."""


class ShownConfig(CheckedConfig):
    """How a clip is called, which frames it shows, and for how long.

    Attributes:
        extension: of the names that it can have.
        shortest_ms: the shortest time for which browsers show a picture of this format as told.
    """

    extension: ClassVar[str]
    shortest_ms: ClassVar[float] = gif.SHORTEST_MS

    filename: str = Field(description="Name of the clip in the partition folder.")
    frame_duration_ms: float | None = Field(
        default=None,
        le=gif.LONGEST_MS,
        description=(
            "How long each frame is shown, in milliseconds. Default: the frame's own time, if the "
            f"bundle has one, as animations and videos do; else {DEFAULT_DURATION_MS:g}."
        ),
    )
    every: int = Field(default=1, ge=1, description="Show every n-th frame only.")
    fps: float | None = Field(
        default=None,
        ge=SLOWEST_FPS,
        description="Frames that are shown in a second, instead of frame_duration_ms.",
    )

    realtime: float | None = Field(
        default=None,
        gt=0,
        description=(
            "Show each frame for the time until the next one was taken, this many times faster: "
            "with 60, an hour becomes a minute. All frames need a time."
        ),
    )

    @field_validator("filename")
    @classmethod
    def _is_name(cls, name: str) -> str:
        return check_clip_name(name, cls.extension)

    @field_validator("frame_duration_ms", "fps")
    @classmethod
    def _is_not_too_fast(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is None:
            return None
        duration = gif.frame_duration(value) if info.field_name == "fps" else value
        if not duration >= cls.shortest_ms:
            raise ValueError(
                f"a {cls.extension} has to show each frame for at least {cls.shortest_ms:g} ms, "
                f"which is {1000 / cls.shortest_ms:.4g} frames a second: browsers would show it "
                "for 100 ms"
            )
        return value

    def durations(self, parts: Sequence[Part]) -> float | list[float]:
        """Return how long each image of the parts is shown, in milliseconds; or one for all.

        Raises:
            Failure: it depends on times that are not known.
        """
        if self.fps is not None:
            return gif.frame_duration(self.fps)
        if self.frame_duration_ms is not None:
            return float(self.frame_duration_ms)
        if self.realtime is not None:
            shown = _by_time(parts, self.realtime)
            images = [len(part.layout.images) for part in parts]
            return [one / n for one, n in zip(shown, images, strict=True) for _ in range(n)]
        told = self._told(parts)
        if all(duration is None for duration in told):
            return DEFAULT_DURATION_MS
        return [DEFAULT_DURATION_MS if one is None else self._possible(one) for one in told]

    def too_short(self, parts: Sequence[Part]) -> int:
        """Return how many images are shown for longer than the bundle says, as it is too short."""
        if self.fps or self.frame_duration_ms or self.realtime:
            return 0
        return sum(one is not None and one < self.shortest_ms for one in self._told(parts))

    @staticmethod
    def _told(parts: Sequence[Part]) -> list[float | None]:
        return [duration for part in parts for duration in part.durations_ms]

    @classmethod
    def _possible(cls, duration_ms: float) -> float:
        return min(max(gif.as_browsers(duration_ms), cls.shortest_ms), gif.LONGEST_MS)


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
    shown = [min(max(one, gif.SHORTEST_MS), gif.LONGEST_MS) for one in passed]
    return [*shown, sum(shown) / len(shown) if shown else DEFAULT_DURATION_MS]


class ClipConfig(ShownConfig):
    """How a clip is called and how it plays."""

    loop: int = Field(
        default=0,
        ge=ONCE,
        le=65_535,
        description="How often the clip is repeated: 0 is for ever; with -1, it plays once.",
    )

    @property
    def repetitions(self) -> int | None:
        """How often it is repeated; 0 for ever, None not at all."""
        return None if self.loop == ONCE else self.loop
