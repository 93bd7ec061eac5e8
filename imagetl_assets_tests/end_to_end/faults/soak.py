"""Many bundles through a daemon, a cluster and PostgreSQL, while workers are killed.

    python -m imagetl_assets_tests.end_to_end.faults.soak --bundles 200 --kill-every 20

The bundles are dropped into the upstream folder, where the sensor finds them. Prints figures while
it runs and a JSON object at the end; exits with 1 if anything is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from dagster import (
    DagsterEventType,
    DagsterRun,
    DagsterRunStatus,
    RunsFilter,
)
from dagster._core.storage.tags import PARTITION_NAME_TAG
from distributed import Client

from imagetl_assets_tests.end_to_end.faults.deployment import Deployment, daemon, deployment
from imagetl_assets_tests.end_to_end.faults.memory import Memory, command_of
from testbed import bundles
from testbed.dask_cluster import DaskProcesses
from testbed.histories import events, steps_that
from testbed.postgres import Postgres, postgres

SAMPLE_SECONDS = 10


FRAMES = 8

# All that one run leaves.
FILES = {
    *("image-data.img", "clip.gif"),
    *(f"frames/frame_{number:02d}.gif" for number in range(FRAMES)),
    *(f".imagetl/{asset}.json" for asset in ("raw_data_file", "frames", "frame_files", "clip_gif")),
}

ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


@dataclass(frozen=True)
class Options:
    """How much, how fast, and how long at most."""

    bundles: int = 200
    at_a_time: int = 4
    workers: int = 2
    kill_every: float = 20.0  # seconds
    kills: int | None = None  # at most
    minutes: float = 120.0


@dataclass
class Report:
    """What came of it. Memory is in MB, for each long-lived process, over time."""

    options: Options
    seconds: float = 0
    runs: dict[str, int] = field(default_factory=dict)
    clips: int = 0  # that are as they should be
    killed: int = 0
    losses_noticed: int = 0  # by runs, of a worker that was at a step of theirs
    problems: list[str] = field(default_factory=list)
    memory: dict[str, list[float]] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """With the memory after a tenth of the time, in the middle and at the end only."""
        shown = asdict(self)
        shown["memory"] = {
            name: [mb[len(mb) // 10], mb[len(mb) // 2], mb[-1]] for name, mb in self.memory.items()
        }
        return shown


def soak(folder: Path, options: Options) -> Report:
    """Run it all with files in this folder; returns when every bundle has its clip, or in time."""
    report = Report(options)
    # As many runs a tick as there are bundles, or else several bundles share a run.
    often = {"IMAGETL_SENSOR_SECONDS": "1", "IMAGETL_RUNS_PER_TICK": str(options.bundles)}
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        settings = _settings(database, options)
        deployed = stack.enter_context(deployment(folder, settings, workers=options.workers))
        process = stack.enter_context(daemon(deployed.shell, **often))
        soaking = _Soak(options, report, deployed, Memory(process, deployed.dask, database))
        soaking.drop_bundles()
        soaking.wait()
        soaking.check()
        stray = _runs_of(process)
    if stray:
        report.problems.append(f"{len(stray)} processes of runs that are over: {stray}")
    report.problems.extend(f"process left: {command}" for command in deployed.left)
    return report


def _settings(database: Postgres, options: Options) -> dict[str, Any]:
    return {
        "storage": database.storage,
        "run_coordinator": {
            "module": "dagster._core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {
                "max_concurrent_runs": options.at_a_time,
                "dequeue_interval_seconds": 1,
                # On a busy machine, the code server may take longer to start than Dagster waits.
                "max_user_code_failure_retries": 10,
                "user_code_failure_retry_delay": 10,
            },
        },
        "run_monitoring": {"enabled": True, "poll_interval_seconds": 10},
    }


class _Soak:
    """The parts that it goes through, one after the other."""

    def __init__(
        self,
        options: Options,
        report: Report,
        deployed: Deployment,
        memory: Memory,
    ) -> None:
        self._options = options
        self._report = report
        self._instance = deployed.instance
        self._dask = deployed.dask
        self._shell = deployed.shell
        self._memory = memory
        self._bundles = {
            f"bundle-{number:03d}.img": bundles.small_bundle(FRAMES, shade=number % 256)
            for number in range(options.bundles)
        }

    def drop_bundles(self) -> None:
        for name, bundle in self._bundles.items():
            self._shell.add_file(name, bundle)

    def wait(self) -> None:
        """Until every bundle has had its run, killing workers meanwhile."""
        begin = time.monotonic()
        next_kill, next_sample = begin + self._options.kill_every, begin
        while not self._is_over():
            now = time.monotonic()
            if now - begin > self._options.minutes * 60:
                self._report.problems.append(f"not done after {self._options.minutes} minutes")
                break
            if now >= next_sample:
                self._sample(now - begin)
                next_sample = now + SAMPLE_SECONDS
            if now >= next_kill and self._report.killed != self._options.kills:
                self._kill_a_worker()
                next_kill = now + self._options.kill_every
            time.sleep(1)
        self._sample(time.monotonic() - begin)
        self._report.seconds = round(time.monotonic() - begin, 1)

    def _is_over(self) -> bool:
        ended = self._instance.get_runs_count(RunsFilter(statuses=ENDED))
        return len(self._bundles) <= ended == self._instance.get_runs_count()

    def _sample(self, seconds: float) -> None:
        memory = self._memory.now()
        for name, megabytes in memory.items():
            self._report.memory.setdefault(name, []).append(megabytes)
        ended = self._instance.get_runs_count(RunsFilter(statuses=ENDED))
        count = self._instance.get_runs_count()
        print(f"{seconds:5.0f} s  {ended} of {count} runs ended, MB: {memory}", flush=True)

    def _kill_a_worker(self) -> None:
        with suppress(OSError, psutil.NoSuchProcess), _client(self._dask) as client:
            pids = list(client.run(os.getpid, on_error="ignore").values())
            if pids:
                psutil.Process(random.choice(pids)).kill()
                self._report.killed += 1

    def check(self) -> None:
        """That each bundle has its right clip, and each run each step once."""
        runs = self._instance.get_runs()
        self._report.runs = dict(Counter(run.status.value for run in runs))
        for name, bundle in self._bundles.items():
            if self._has_right_clip(name, bundle):
                self._report.clips += 1
            else:
                self._report.problems.append(f"no right clip of {name}")
            if more := self._stored(name) - FILES:
                self._report.problems.append(f"left of {name}: {sorted(more)}")
        for run in runs:
            self._check_run(run)

    def _has_right_clip(self, name: str, bundle: bytes) -> bool:
        expected = [bundles.pixels(piece)[0] for piece in bundles.pieces(bundle)]
        try:
            return bundles.pixels(self._shell.clip(name)) == expected
        except OSError:
            return False

    def _stored(self, name: str) -> set[str]:
        folder = self._shell.cluster.storage / name
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    def _check_run(self, run: DagsterRun) -> None:
        name = f"run {run.run_id} of {run.tags.get(PARTITION_NAME_TAG)}"
        if run.status is not DagsterRunStatus.SUCCESS:
            self._report.problems.append(f"{name}: {run.status.value}, {self._errors(run)}")
            return
        done = steps_that(DagsterEventType.STEP_SUCCESS, self._instance, run.run_id)
        begun = steps_that(DagsterEventType.STEP_START, self._instance, run.run_id)
        if len(done) != len(set(done)) or set(begun) != set(done):
            self._report.problems.append(f"{name}: steps {sorted(done)}")
        self._report.losses_noticed += sum(
            "The step runs again" in (event.message or "")
            for event in events(self._instance, run.run_id)
            if event.is_engine_event
        )

    def _errors(self, run: DagsterRun) -> list[str]:
        failures = {DagsterEventType.RUN_FAILURE, DagsterEventType.STEP_FAILURE}
        return [
            str(entry.get_dagster_event().event_specific_data)[:1000]
            for entry in self._instance.all_logs(run.run_id, of_type=failures)
        ]


@contextmanager
def _client(dask: DaskProcesses) -> Iterator[Client]:
    with Client(dask.address, set_as_default=False) as client:
        yield client


def _runs_of(daemon: psutil.Process) -> list[str]:
    """The processes of runs that the daemon's code server has started and that are there still."""
    return [
        command
        for process in daemon.children(recursive=True)
        if "execute_run" in (command := command_of(process))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    defaults: Mapping[str, Any] = asdict(Options())
    for name, default in defaults.items():
        kind = type(default) if default is not None else int
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default)
    parser.add_argument("--folder", type=Path, help="new, and kept; a temporary one without")
    arguments = vars(parser.parse_args())
    with ExitStack() as stack:
        folder = arguments.pop("folder")
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        else:
            folder.mkdir()
        report = soak(folder, Options(**arguments))
    print(json.dumps(report.summary(), indent=2))
    sys.exit(1 if report.problems else 0)


if __name__ == "__main__":
    main()
