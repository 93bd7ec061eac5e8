"""How the project scales: more workers for one bundle, more bundles for one run."""

from __future__ import annotations

import shutil
import sys
from contextlib import AbstractContextManager, ExitStack
from functools import partial

from benchmarks.bench import Bench, Job
from benchmarks.bundles import original_frames, served
from benchmarks.contenders import Contender, at_work
from benchmarks.environments import versions
from benchmarks.pipelines import IMAGETL, run_once
from benchmarks.results import OURS


def scaling(bench: Bench) -> None:
    """Measure 1,000 frames on more workers, and runs over 1 to 200 bundles of 27 frames."""
    frames = original_frames()
    bench.measurement.notes.append(f"Bundle: {frames.source}.")
    bench.measurement.versions[OURS] = versions(IMAGETL.interpreter(), IMAGETL.packages)
    upstream = bench.folder / "upstream"
    upstream.mkdir()
    count, files = (54, [1, 3]) if bench.quick else (1000, [1, 10, 50, 200])
    frames.write(upstream / "large.img", count)
    frames.write(upstream / "bundle-0.img", 27)
    for number in range(1, files[-1]):
        shutil.copy(upstream / "bundle-0.img", upstream / f"bundle-{number}.img")
    with served(upstream) as base:
        _workers(bench, f"{base}/large.img", count)
        _bundles(bench, base, files)


def _workers(bench: Bench, url: str, count: int) -> None:
    with ExitStack() as stack:
        jobs = []
        for workers in (1, 2) if bench.quick else (1, 2, 4):
            contender = stack.enter_context(_started(bench, f"workers-{workers}", workers))
            work = f"{count:,} frames, {workers} worker{'s' * (workers > 1)}"
            jobs.append(Job(work, OURS, partial(run_once, contender, url, count), rounds=3))
        bench.in_turns(jobs)


def _bundles(bench: Bench, base: str, files: list[int]) -> None:
    with _started(bench, "bundles", 2, IMAGETL_UPSTREAM=base) as contender:
        jobs = [
            Job(
                f"{number} bundle{'s' * (number > 1)} of 27 frames in one run",
                OURS,
                partial(run_once, contender, str(number), 27 * number),
                rounds=3,
                warm_up=number == 1,
            )
            for number in files
        ]
        bench.in_turns(jobs)


def _started(
    bench: Bench, name: str, workers: int, **settings: str
) -> AbstractContextManager[Contender]:
    folder = bench.folder / name
    args = ["-m", "benchmarks.dagster_runs", "dask", str(workers)]
    env = {"IMAGETL_STORAGE": str(folder / "storage"), **settings}
    return at_work(name, sys.executable, args, folder, env)
