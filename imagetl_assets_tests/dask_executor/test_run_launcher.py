"""The process of a run leaves signs of life, and the launcher notices if they stop."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRun
from dagster._core.launcher import WorkerStatus

from imagetl_assets.dask_executor.run.heartbeat import heartbeat
from imagetl_assets.dask_executor.run_launcher import WatchedRunLauncher
from imagetl_assets.dask_executor.wire.heartbeat import SILENT_SECONDS, heartbeat_key

MODULE = "imagetl_assets.dask_executor.run_launcher"
SETTINGS = f"""
telemetry: {{enabled: false}}
run_launcher: {{module: {MODULE}, class: WatchedRunLauncher}}
run_monitoring: {{enabled: true, poll_interval_seconds: 2}}
"""


@pytest.fixture
def watched(tmp_path: Path) -> DagsterInstance:
    (tmp_path / "dagster.yaml").write_text(SETTINGS)
    return DagsterInstance.from_config(str(tmp_path))


class Clock:
    """What the daemon takes for the time."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(f"{MODULE}.time", clock)
    return clock


def ask(instance: DagsterInstance, run: DagsterRun) -> WorkerStatus:
    launcher = instance.run_launcher
    assert isinstance(launcher, WatchedRunLauncher)
    return launcher.check_run_worker_health(run).status


def test_a_process_that_lives(watched: DagsterInstance, clock: Clock) -> None:
    run = DagsterRun("job")
    with watched:
        for number in range(9):
            watched.daemon_cursor_storage.set_cursor_values(
                {heartbeat_key(run.run_id): str(number)}
            )
            assert ask(watched, run) is WorkerStatus.RUNNING
            clock.now += SILENT_SECONDS - 1


def test_a_process_that_has_died(watched: DagsterInstance, clock: Clock) -> None:
    run = DagsterRun("job")
    with watched:
        watched.daemon_cursor_storage.set_cursor_values({heartbeat_key(run.run_id): "3"})
        assert ask(watched, run) is WorkerStatus.RUNNING
        clock.now += SILENT_SECONDS + 1
        assert ask(watched, run) is WorkerStatus.FAILED


def test_a_run_without_signs_of_life_is_of_another_executor(
    watched: DagsterInstance, clock: Clock
) -> None:
    with watched:
        for _ in range(3):
            assert ask(watched, DagsterRun("job")) is WorkerStatus.RUNNING
            clock.now += 10 * SILENT_SECONDS


def test_a_database_that_was_away_is_no_proof(
    watched: DagsterInstance, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = DagsterRun("job")
    with watched:
        watched.daemon_cursor_storage.set_cursor_values({heartbeat_key(run.run_id): "3"})
        ask(watched, run)
        with monkeypatch.context() as away:
            away.setattr(watched.daemon_cursor_storage, "get_cursor_values", lambda keys: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                ask(watched, run)
        clock.now += SILENT_SECONDS + 1
        assert ask(watched, run) is WorkerStatus.RUNNING


def test_the_signs_of_a_run(watched: DagsterInstance, clock: Clock) -> None:
    run = DagsterRun("job")
    key = heartbeat_key(run.run_id)
    with watched:
        with heartbeat(watched, run.run_id):
            deadline = time.monotonic() + 30
            while not (signs := watched.daemon_cursor_storage.get_cursor_values({key})):
                assert time.monotonic() < deadline
            assert signs == {key: "0"}
        for _ in range(3):
            assert ask(watched, run) is WorkerStatus.RUNNING
            clock.now += 10 * SILENT_SECONDS
