"""Dagster instances, and runs of jobs: in this process, or in one of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

from testbed.processes import PROJECT


def local_instance(home: Path, **overrides: Any) -> DagsterInstance:
    """A Dagster instance with its files in this folder, on SQLite unless overridden."""
    return DagsterInstance.local_temp(
        str(home), overrides={"telemetry": {"enabled": False}, **overrides}
    )


@dataclass
class Marks:
    """A folder in which ops note that they ran (see `mark`)."""

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
