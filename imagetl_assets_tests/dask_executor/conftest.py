"""Real Dask clusters (scheduler and workers as processes of their own) and Dagster instances."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunsFilter,
    execute_job,
    reconstructable,
)
from dagster._core.execution.job_execution_result import JobExecutionResult

from imagetl_assets_tests.dask_executor.processes import (
    PROJECT,
    DaskProcesses,
    dask_processes,
)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """Two workers with one thread each, shared by the tests that do not harm it."""
    with dask_processes(tmp_path_factory.mktemp("dask")) as processes:
        yield processes


@pytest.fixture(scope="session")
def one_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """One worker with one thread, for the tests in which a worker's steps could disturb others."""
    with dask_processes(tmp_path_factory.mktemp("dask"), 1) as processes:
        yield processes


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Callable[..., DaskProcesses]]:
    """Starts clusters for one test: `own_cluster(workers, *worker_options)`."""
    started: list[DaskProcesses] = []

    def start(workers: int = 2, *options: str) -> DaskProcesses:
        folder = tmp_path / f"dask{len(started)}"
        folder.mkdir()
        processes = DaskProcesses(folder)
        started.append(processes)
        processes.start_scheduler()
        if workers:
            processes.start_workers(workers, *options)
        return processes

    yield start
    for processes in started:
        processes.stop()


def local_instance(home: Path, **overrides: Any) -> DagsterInstance:
    """A Dagster instance with its files in this folder, on SQLite unless overridden."""
    return DagsterInstance.local_temp(
        str(home), overrides={"telemetry": {"enabled": False}, **overrides}
    )


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an instance without runs; to copy them takes less than to create tables."""
    home = tmp_path_factory.mktemp("empty_home")
    with local_instance(home) as instance:
        instance.get_runs()
    return home


@pytest.fixture
def dagster_home(tmp_path: Path, empty_home: Path) -> Path:
    return Path(shutil.copytree(empty_home, tmp_path / "dagster_home"))


@pytest.fixture
def instance(dagster_home: Path) -> Iterator[DagsterInstance]:
    """A Dagster instance on SQLite."""
    with local_instance(dagster_home) as instance:
        yield instance


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    """What the ops of a run leave behind; pass `tags=marks.tags` to the run."""
    folder = tmp_path / "marks"
    folder.mkdir()
    return Marks(folder)


@dataclass
class Marks:
    """A folder in which ops note that they ran (see `jobs.mark`)."""

    folder: Path

    @property
    def tags(self) -> dict[str, str]:
        return {"marks": str(self.folder)}

    def of(self, step_key: str) -> list[str]:
        """The lines that a step left, oldest first."""
        file = self.folder / step_key
        return file.read_text().splitlines() if file.exists() else []


def run_job(job: Any, instance: DagsterInstance, **options: Any) -> JobExecutionResult:
    """Run a job of `jobs.py` in this process; its steps run on the cluster of its run config."""
    return execute_job(reconstructable(job), instance=instance, raise_on_error=False, **options)


def run_error(result: JobExecutionResult) -> str:
    """What a failed run says of itself."""
    (failure,) = [event for event in result.all_events if event.is_run_failure]
    error = failure.job_failure_data.error
    assert error is not None
    return error.message


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@dataclass
class RunProcess:
    """A run in a process of its own, as Dagster starts it."""

    process: subprocess.Popen[bytes]
    instance: DagsterInstance
    run_id: str

    @staticmethod
    def start(
        module: str,
        job: str,
        instance: DagsterInstance,
        run_config: Mapping[str, Any],
        path: Path = PROJECT,
        tags: Mapping[str, str] | None = None,
    ) -> RunProcess:
        run_id = str(uuid.uuid4())
        config = Path(instance.root_directory, f"{run_id}.yaml")
        config.write_text(json.dumps(run_config))  # JSON is YAML
        process = subprocess.Popen(
            [
                sys.executable,
                *("-m", "dagster", "job", "execute", "-m", module, "-a", job),
                *("-c", str(config)),
                *("--tags", json.dumps({**(tags or {}), "test_run": run_id})),
            ],
            env={
                **os.environ,
                "DAGSTER_HOME": instance.root_directory,
                "PYTHONPATH": f"{path}:{PROJECT}",
            },
            cwd=instance.root_directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return RunProcess(process, instance, run_id)

    @property
    def run(self) -> DagsterRun | None:
        runs = self.instance.get_runs(RunsFilter(tags={"test_run": self.run_id}))
        return runs[0] if runs else None

    @property
    def status(self) -> DagsterRunStatus | None:
        return self.run.status if self.run else None

    def wait(self, seconds: float = 60) -> None:
        self.process.wait(seconds)

    def errors(self) -> list[str]:
        """The messages of the run's failure events."""
        assert self.run is not None
        logs = self.instance.all_logs(self.run.run_id, of_type=DagsterEventType.RUN_FAILURE)
        errors = [log.get_dagster_event().job_failure_data.error for log in logs]
        return [error.message for error in errors if error is not None]
