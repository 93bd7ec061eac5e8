"""Runs the contenders in turns and records the time and memory that they needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.contenders import ContenderFailed
from benchmarks.results import OURS, TIME, TIME_FOR_EACH, Measurement

Figures = Mapping[str, float]
"""The value of each figure of one round, in the unit of `UNITS`, or in MB."""

UNITS = {TIME: "s", TIME_FOR_EACH: "ms", "PSNR": "dB", "SSIM": "%"}

say = partial(print, flush=True)


@dataclass(frozen=True)
class Job:
    """A piece of work, and the contender that does it in each turn.

    Attributes:
        work: the name of the work, such as "27 frames". Jobs with the same name are compared.
        contender: the name of the contender.
        run: does the work once and returns the figures.
        rounds: the largest number of rounds, for work that takes long. None: no limit.
        warm_up: whether the work is done once before the first round, without being recorded.
    """

    work: str
    contender: str
    run: Callable[[], Figures]
    rounds: int | None = None
    warm_up: bool = True


@dataclass
class Bench:
    """A comparison while it is being measured.

    Attributes:
        measurement: the figures so far.
        folder: an empty working folder, which is removed afterwards.
        rounds: how many rounds each job runs, unless the job sets a lower limit.
        quick: whether the work is kept small, only to see that a comparison runs.
    """

    measurement: Measurement
    folder: Path
    rounds: int
    quick: bool = False

    def in_turns(self, jobs: Sequence[Job]) -> None:
        """Run the jobs in rounds: A, B, A, B. A peer that fails is left out of later rounds.

        Raises:
            ContenderFailed: the project itself has failed.
        """
        self.warm_up(job for job in jobs if job.warm_up)
        for number in range(self.rounds):
            for job in jobs:
                if job.rounds is None or number < job.rounds:
                    self._turn(job, counts=True)

    def warm_up(self, jobs: Iterable[Job]) -> None:
        """Run each job once without recording its figures."""
        for job in jobs:
            self._turn(job, counts=False)

    def skip(self, contender: str, reason: str) -> None:
        """Record that a peer does not take part, and why."""
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
                unit = UNITS.get(figure, "MB")
                self.measurement.add(job.work, job.contender, value, figure, unit)


def timed(work: Callable[[], object]) -> Callable[[], Figures]:
    """Return a function that does the work and returns the seconds that it took."""

    def run() -> Figures:
        started = time.perf_counter()
        work()
        return {TIME: time.perf_counter() - started}

    return run
