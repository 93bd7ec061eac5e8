"""A deployment whose parts are processes of their own, and that tests may harm."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml
from dagster import DagsterEventType, DagsterInstance, DagsterRun

from testbed.dask_cluster import DaskProcesses
from testbed.histories import events, steps_that
from testbed.processes import left_of, started, wait_for
from testbed.shell import REEXECUTE, Cluster, Shell

STORING = "frames.store_frames["
PATIENCE = 240  # seconds, on a machine that is busy with other tests


@dataclass
class Deployment:
    """A Dask cluster, and a Dagster instance whose runs are processes.

    Attributes:
        left: what had not ended of its own accord once all was stopped.
    """

    dask: DaskProcesses
    shell: Shell
    instance: DagsterInstance
    left: list[str] = field(default_factory=list)

    def start_run(self, config: Path, **env: str) -> subprocess.Popen[bytes]:
        """Run the job for the default file."""
        job = ["-m", "imagetl_assets.definitions", "-j", "image_etl"]
        return self._start("dagster", "job", "execute", *job, "-c", str(config), **env)

    def reexecute_from_failure(self) -> None:
        """Re-execute the latest run from failure."""
        process = self._start("python", REEXECUTE)
        assert process.wait(PATIENCE) == 0

    def start_another_cluster(self) -> None:
        """Instead of the one that there was."""
        self.dask.stop()
        self.dask.address = ""
        (self.dask.folder / "scheduler.json").unlink()
        self.dask.workers.clear()
        self.dask.start_scheduler()
        self.dask.start_workers(2, env=self.shell.cluster.settings)
        self.shell.cluster.address = self.dask.address

    def _start(self, program: str, *args: str, **env: str) -> subprocess.Popen[bytes]:
        log = (self.shell.home / "runs.log").open("ab")
        return subprocess.Popen(
            self.shell.command(program, *args),
            env={**self.shell.env, **env},
            cwd=self.shell.home,
            stdout=log,
            stderr=log,
        )

    @property
    def latest_run(self) -> DagsterRun:
        return self.instance.get_runs(limit=1)[0]

    def wait_until_frames_are_stored(self, count: int) -> None:
        """Until this many steps that store frames have succeeded."""
        wait_for(self.instance.get_runs_count, PATIENCE)
        wait_for(lambda: self.frames_stored() >= count, PATIENCE)

    def frames_stored(self) -> int:
        """How many steps that store frames have succeeded."""
        return len([key for key in self.steps_done() if key.startswith(STORING)])

    def steps_done(self) -> list[str]:
        """By the latest run; each once."""
        done = steps_that(DagsterEventType.STEP_SUCCESS, self.instance, self.latest_run.run_id)
        doubled = [key for key, count in Counter(done).items() if count > 1]
        assert not doubled, f"succeeded more than once: {doubled}"
        return list(done)

    def latest_worker_pid(self) -> int:
        """Of the process that has begun the latest batch of steps."""
        pids = [
            event.engine_event_data.metadata["pid"].value
            for event in events(self.instance, self.latest_run.run_id)
            if event.event_type is DagsterEventType.ENGINE_EVENT
            and "dask_worker" in event.engine_event_data.metadata
        ]
        return int(str(pids[-1]))

    def errors(self) -> list[str]:
        """What the latest run has failed with."""
        logs = self.instance.all_logs(self.latest_run.run_id, of_type=DagsterEventType.RUN_FAILURE)
        errors = [log.get_dagster_event().job_failure_data.error for log in logs]
        return [error.message for error in errors if error is not None]


@contextmanager
def deployment(
    folder: Path,
    settings: Mapping[str, Any],
    *worker_options: str,
    workers: int = 2,
    scheduler_env: Mapping[str, str] | None = None,
) -> Iterator[Deployment]:
    """Start a cluster; `settings` are those of the dagster.yaml."""
    for name in ("home", "upstream", "dask"):
        (folder / name).mkdir()
    cluster = Cluster("", folder / "upstream", folder / "storage")
    left: list[str] = []
    dask = DaskProcesses(folder / "dask")
    try:
        dask.start_scheduler(env=scheduler_env)
        dask.start_workers(workers, *worker_options, env=cluster.settings)
        cluster.address = dask.address
        shell = Shell(folder / "home", cluster)
        write_dagster_yaml(shell.home, settings)
        with DagsterInstance.from_config(str(shell.home)) as instance:
            instance.get_runs_count()  # makes the tables
            yield Deployment(dask, shell, instance, left)
    finally:
        dask.stop()
        # The database is still there: a code server that does not reach it does not end, as the
        # thread that would end it fails when it looks for the runs that it has started.
        left += left_of(folder)


@contextmanager
def daemon(shell: Shell, **env: str) -> Iterator[psutil.Process]:
    """Run Dagster's daemon; its code server may end somewhat later than the block."""
    command = shell.command("dagster-daemon", "run", "-m", "imagetl_assets.definitions")
    with started(command, {**shell.env, **env}, shell.home / "daemon.log") as process:
        yield psutil.Process(process.pid)
        process.send_signal(signal.SIGINT)  # it tells its code server to end then
        process.wait(60)


def write_dagster_yaml(home: Path, settings: Mapping[str, Any]) -> None:
    content = {"telemetry": {"enabled": False}, **settings}
    (home / "dagster.yaml").write_text(yaml.safe_dump(content))
