"""Lets contenders take turns and keeps what they needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.contenders import ContenderFailed
from benchmarks.results import OURS, TIME, Measurement

Figures = Mapping[str, float]
"""The value of each figure of one round: `TIME` in seconds, all others are memory in MB."""

say = partial(print, flush=True)


@dataclass(frozen=True)
class Job:
    """What a contender does when it is its turn.

    Attributes:
        work: what the figures are about, such as "27 frames"; alike for those that are compared.
        contender: who does it.
        run: does it and returns its figures.
        rounds: at most so many, for what takes long.
        warm_up: whether it runs once before, which does not count.
    """

    work: str
    contender: str
    run: Callable[[], Figures]
    rounds: int | None = None
    warm_up: bool = True


@dataclass
class Bench:
    """One comparison while it is measured.

    Attributes:
        measurement: what it has measured so far.
        folder: an empty one, for whatever it needs; removed afterwards.
        rounds: how often each contender runs, unless that takes too long.
        quick: whether small work will do, to see that all of it works.
    """

    measurement: Measurement
    folder: Path
    rounds: int
    quick: bool = False

    def in_turns(self, jobs: Sequence[Job]) -> None:
        """Let each job run, A B A B. A peer that fails is skipped from then on.

        Raises:
            ContenderFailed: the project itself has failed.
        """
        self.warm_up(job for job in jobs if job.warm_up)
        for number in range(self.rounds):
            for job in jobs:
                if job.rounds is None or number < job.rounds:
                    self._turn(job, counts=True)

    def warm_up(self, jobs: Iterable[Job]) -> None:
        """Let each job run once without keeping its figures."""
        for job in jobs:
            self._turn(job, counts=False)

    def skip(self, contender: str, reason: str) -> None:
        """Note that a peer takes no part."""
        say(f"  {contender}: skipped: {reason}")
        self.measurement.skipped[contender] = reason

    def _turn(self, job: Job, *, counts: bool) -> None:
        if job.contender in self.measurement.skipped:
            return
        try:
            figures = job.run()
        except ContenderFailed as error:
            if job.contender == OURS:
                raise ContenderFailed(f"{OURS} failed at {job.work}: {error}") from None
            self.skip(job.contender, f"it failed at {job.work}: {error}")
            return
        note = "" if counts else "  (warm-up)"
        say(f"  {job.work}: {job.contender} {figures[TIME]:.3f} s{note}")
        if counts:
            for figure, value in figures.items():
                unit = "s" if figure == TIME else "MB"
                self.measurement.add(job.work, job.contender, value, figure, unit)


def timed(work: Callable[[], object]) -> Callable[[], Figures]:
    """Return what does the work and gives the seconds that it took."""

    def run() -> Figures:
        started = time.perf_counter()
        work()
        return {TIME: time.perf_counter() - started}

    return run
