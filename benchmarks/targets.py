"""The targets: how the project should compare with its peers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.comparisons.conversion import ONE_PALETTE
from benchmarks.comparisons.films import ONE_CORE, TWO_THREADS, VIDEO, photos_work
from benchmarks.comparisons.object_store import SCRIPT
from benchmarks.comparisons.sources import FIRST_TIME, FOUR_NEWLINES
from benchmarks.comparisons.steps import DAGSTER_DASK
from benchmarks.pipelines import (
    FUTURES,
    LARGEST_MEMORY,
    LOOP,
    MULTIPROCESS,
    ORIGINAL,
    PREFECT3,
)
from benchmarks.results import OURS, TIME, Measurement, Series, ratio


@dataclass(frozen=True)
class Headline:
    """A row of the README's table: our figure, that of a peer, and the largest ratio wanted."""

    what: str
    comparison: str
    work: str
    peer: str
    at_most: float | None = None
    figure: str = TIME

    def find(self, results: Mapping[str, Measurement]) -> Outcome | None:
        """Return the outcome, or None if it was not measured."""
        measurement = results.get(self.comparison)
        if measurement is None:
            return None
        ours = measurement.find(self.work, OURS, self.figure)
        theirs = measurement.find(self.work, self.peer, self.figure)
        return Outcome(self, ours, theirs) if ours and theirs else None


@dataclass(frozen=True)
class Outcome:
    """The figures for a headline."""

    headline: Headline
    ours: Series
    theirs: Series

    @property
    def ratio(self) -> float:
        return ratio(self.ours, self.theirs)

    @property
    def verdict(self) -> str:
        """Return whether the target is met, as text; empty if there is no target."""
        if self.headline.at_most is None:
            return ""
        return "met" if self.ratio <= self.headline.at_most else "missed"


_WARM, _COLD = "27 frames, warm", "27 frames, from the shell's prompt"
HEADLINES = (
    Headline(_WARM, "real-bundle", "27 frames", ORIGINAL.name, 0.3),
    Headline(_WARM, "real-bundle", "27 frames", PREFECT3.name),
    Headline(_WARM, "real-bundle", "27 frames", MULTIPROCESS.name),
    Headline(_WARM, "real-bundle", "27 frames", FUTURES.name, 2.5),
    Headline("1,000 frames", "many-frames", "1,000 frames", ORIGINAL.name, 0.03),
    Headline("1,000 frames", "many-frames", "1,000 frames", FUTURES.name, 3),
    Headline("10,000 frames", "many-frames", "10,000 frames", LOOP.name, 0.5),
    Headline(
        "1,000 frames, largest process",
        "many-frames",
        "1,000 frames",
        ORIGINAL.name,
        0.35,
        LARGEST_MEMORY,
    ),
    Headline(_COLD, "cold", "27 frames", ORIGINAL.name, 0.35),
    Headline(_COLD, "cold", "27 frames", PREFECT3.name),
    Headline(
        "27 frames, from bucket to bucket",
        "object-store",
        "27 frames, from bucket to bucket",
        SCRIPT,
        2,
    ),
    Headline(
        "1,000 frames, from bucket to bucket",
        "object-store",
        "1,000 frames, from bucket to bucket",
        SCRIPT,
        1.5,
    ),
    Headline("a photo to GIF, in a zoom", "conversion", "zoom", ONE_PALETTE, 0.6),
    Headline("a photo to GIF, in a pan", "conversion", "pan", ONE_PALETTE, 0.6),
    *(
        Headline(
            f"1,000 PNGs in a {kind}", "sources", f"1,000 PNGs in a {kind}", FOUR_NEWLINES, 1.1
        )
        for kind in ("ZIP", "TAR", "folder")
    ),
    Headline(
        "a folder of 1,000 PNGs, grown by 10",
        "sources",
        "a folder of 1,000 PNGs that has grown by 10",
        FIRST_TIME,
        0.1,
    ),
    Headline(VIDEO, "films", VIDEO, ONE_CORE, 0.6),
    Headline(photos_work(), "films", photos_work(), TWO_THREADS, 1.2),
    Headline("28 trivial steps", "steps", "28 static steps", DAGSTER_DASK),
)


def outcomes(results: Mapping[str, Measurement]) -> Iterator[Outcome]:
    """Yield the outcomes of the headlines that were measured."""
    for headline in HEADLINES:
        if outcome := headline.find(results):
            yield outcome
