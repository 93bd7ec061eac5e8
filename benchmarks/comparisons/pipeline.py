"""From the bundle to the clip: one bundle, large ones, and the whole command from the shell."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench, Figures, Job, timed
from benchmarks.bundles import original_frames, served
from benchmarks.contenders import ContenderFailed, complaint, project_program, surroundings
from benchmarks.pipelines import (
    FUTURES,
    IMAGETL,
    IN_PROCESS,
    LOOP,
    MULTIPROCESS,
    ORIGINAL,
    PREFECT3,
    WORKERS,
    Pipeline,
    all_at_work,
    available,
    prefect_settings,
    run_once,
)

# A run takes so long that a few rounds are enough.
_ROUNDS = {PREFECT3.name: 3, MULTIPROCESS.name: 1}
# Each of its steps is a new process, so a first run does not make later ones faster.
_ALWAYS_COLD = {MULTIPROCESS.name}


def real_bundle(bench: Bench) -> None:
    """Measure a bundle of 27 frames on processes and clusters that have processed one before."""
    pipelines = [IMAGETL, ORIGINAL, FUTURES, LOOP, IN_PROCESS, PREFECT3, MULTIPROCESS]
    count = 3 if bench.quick else 27
    with served(_upstream(bench, [count])) as upstream, all_at_work(bench, pipelines) as contenders:
        url = f"{upstream}/{_name(count)}"
        jobs = [
            Job(
                _frames(count),
                name,
                partial(run_once, contender, url, count),
                _ROUNDS.get(name),
                name not in _ALWAYS_COLD,
            )
            for name, contender in contenders.items()
        ]
        bench.in_turns(jobs)


def many_frames(bench: Bench) -> None:
    """Measure bundles of more frames. The peak memory is the largest of all rounds."""
    counts = {54: 1} if bench.quick else {270: bench.rounds, 1000: 3, 10_000: 2}
    upstream = _upstream(bench, [27, *counts])
    pipelines = [IMAGETL, ORIGINAL, FUTURES, LOOP]
    with served(upstream) as base, all_at_work(bench, pipelines) as contenders:
        first = f"{base}/{_name(27)}"
        bench.warm_up(
            Job(_frames(27), name, partial(run_once, one, first, 27))
            for name, one in contenders.items()
        )
        for count, rounds in counts.items():
            if count > 1000:  # it would take minutes and most of the machine's memory
                contenders.pop(ORIGINAL.name, None)
            url = f"{base}/{_name(count)}"
            jobs = [
                Job(_frames(count), name, partial(run_once, one, url, count), rounds, False)
                for name, one in contenders.items()
            ]
            bench.in_turns(jobs)
            (upstream / _name(count)).unlink()


def cold(bench: Bench) -> None:
    """Measure whole commands: nothing is loaded, there is no cluster and no history."""
    count = 3 if bench.quick else 27
    pipelines = available(bench, [IMAGETL, ORIGINAL, PREFECT3])
    with served(_upstream(bench, [count])) as upstream:
        url = f"{upstream}/{_name(count)}"
        jobs = []
        for pipeline, python in pipelines.items():
            command = _cold_command(pipeline, python, url)
            run = partial(_whole_process, bench.folder / "cold", command)
            jobs.append(Job(_frames(count), pipeline.name, run, _ROUNDS.get(pipeline.name)))
        bench.in_turns(jobs)


def _cold_command(pipeline: Pipeline, python: str, url: str) -> list[str]:
    if pipeline is IMAGETL:
        return [project_program("imagetl"), "run", url, "--workers", str(WORKERS)]
    return [python, *pipeline.args, url]


def _whole_process(folder: Path, command: list[str]) -> Figures:
    """Return a function that runs a command in an empty folder, which is removed afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "dagster_home").mkdir(parents=True)
    env = {
        "DAGSTER_HOME": str(folder / "dagster_home"),
        "IMAGETL_STORAGE": str(folder / "storage"),
        **prefect_settings(folder),
    }
    log = folder / "log"
    with log.open("w") as out:
        run = partial(
            subprocess.run,
            command,
            cwd=folder,
            env=surroundings(env),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        figures = timed(run)()
    if not any(folder.rglob("clip.gif")):
        raise ContenderFailed(complaint(log))
    shutil.rmtree(folder)
    return figures


def _upstream(bench: Bench, counts: list[int]) -> Path:
    """Return a folder with a bundle of each size, and record which images are in them."""
    folder = bench.folder / "upstream"
    folder.mkdir()
    frames = original_frames()
    bench.measurement.notes.append(f"Bundle: {frames.source}.")
    for count in counts:
        frames.write(folder / _name(count), count)
    return folder


def _name(count: int) -> str:
    return f"frames-{count}.img"


def _frames(count: int) -> str:
    return f"{count:,} frames"
