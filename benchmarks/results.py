"""The results file: JSON with the figures of each round of each comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

OURS = "imagetl"
TIME = "time"
TIME_FOR_EACH = "time for each"
"""Frame, step, bundle or GB: what stays as it is where nothing grows faster than the work."""


@dataclass
class Series:
    """The values of one figure, of one contender for one piece of work: a value for each round."""

    work: str
    figure: str
    unit: str
    contender: str
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return median(self.values)


@dataclass
class Measurement:
    """All figures of a comparison, and the machine that they were measured on."""

    comparison: str
    date: str
    machine: dict[str, Any]
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    series: list[Series] = field(default_factory=list)

    def add(
        self, work: str, contender: str, value: float, figure: str = TIME, unit: str = "s"
    ) -> None:
        """Add the figure of the next round."""
        found = self.find(work, contender, figure)
        if found is None:
            found = Series(work, figure, unit, contender)
            self.series.append(found)
        found.values.append(round(value, 4))

    def find(self, work: str, contender: str, figure: str = TIME) -> Series | None:
        for series in self.series:
            if (series.work, series.contender, series.figure) == (work, contender, figure):
                return series
        return None


def ratio(ours: Series, theirs: Series) -> float:
    """Return the median over the rounds of ours / theirs.

    Something that disturbs the machine during a round disturbs both sides of its ratio.
    """
    pairs = zip(ours.values, theirs.values, strict=False)  # a slow contender may have fewer rounds
    return median(mine / its for mine, its in pairs)


def load(path: Path) -> dict[str, Measurement]:
    """Return the measurements of a results file by comparison; empty if there is no file."""
    if not path.exists():
        return {}
    return {name: _measurement(values) for name, values in json.loads(path.read_text()).items()}


def save(path: Path, results: Mapping[str, Measurement]) -> None:
    """Replace the results file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({name: asdict(one) for name, one in results.items()}, indent=1)
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(f"{text}\n")
    temporary.replace(path)


def _measurement(values: dict[str, Any]) -> Measurement:
    series = [Series(**one) for one in values.pop("series")]
    return Measurement(**values, series=series)
