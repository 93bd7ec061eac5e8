"""A database that restarts, or loses connections, while a run goes on."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import DagsterInstance, JobDefinition
from dagster._core.execution.job_execution_result import JobExecutionResult
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetEventTagsTable
from dagster._serdes import serialize_value
from sqlalchemy import event, select, text

from imagetl_assets.dask_executor.dagster_internals import database
from imagetl_assets_tests.dask_executor import jobs_assets
from imagetl_assets_tests.dask_executor.jobs import waiting_job
from imagetl_assets_tests.dask_executor.jobs_events import talking_job
from testbed.dagster_runs import Marks, local_instance, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import entries, histories
from testbed.postgres import Postgres, postgres
from testbed.processes import wait_for


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """Of these tests only, as they stop it."""
    with postgres() as running:
        yield running


@pytest.fixture
def on_postgres(dagster_home: Path, server: Postgres) -> Iterator[DagsterInstance]:
    with local_instance(dagster_home, storage=server.storage) as instance:
        yield instance


def assert_nothing_is_doubled(instance: DagsterInstance, run_id: str) -> None:
    written = Counter(serialize_value(entry) for entry in entries(instance, run_id))
    assert set(written.values()) == {1}


# Restarts


@contextmanager
def a_waiting_run(
    dask: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> Iterator[Future[JobExecutionResult]]:
    """A run whose step is running when the block begins, and can end when the block has."""
    config = dask.run_config()
    with ThreadPoolExecutor(1) as background:
        run = background.submit(
            lambda: run_job(waiting_job, instance, run_config=config, tags=marks.tags)
        )
        try:
            wait_for(lambda: marks.of("waits") or run.done())
            yield run
        finally:
            (marks.folder / "go").touch()


def test_a_run_goes_on_after_the_database_has_crashed_and_started_again(
    cluster: DaskProcesses, server: Postgres, on_postgres: DagsterInstance, marks: Marks
) -> None:
    with a_waiting_run(cluster, on_postgres, marks) as run:
        server.stop("immediate")
        (marks.folder / "go").touch()  # the step's last events find no database
        time.sleep(8)  # longer than Dagster itself waits
        server.start()
    result = run.result()
    assert result.success
    assert histories(on_postgres, result.run_id) == {
        "waits": ["STEP_START", "STEP_OUTPUT", "STEP_SUCCESS"]
    }
    assert_nothing_is_doubled(on_postgres, result.run_id)


def test_crashes_while_events_are_written(
    cluster: DaskProcesses, server: Postgres, on_postgres: DagsterInstance
) -> None:
    config = cluster.run_config()
    with ThreadPoolExecutor(1) as background:
        run = background.submit(lambda: run_job(talking_job, on_postgres, run_config=config))
        for _ in range(3):
            time.sleep(0.7)
            server.stop("immediate")
            server.start()
        result = run.result()
    assert result.success
    told = [entry.user_message for entry in entries(on_postgres, result.run_id)]
    assert [line for line in told if line.startswith("line ")] == [f"line {n}" for n in range(6)]
    assert_nothing_is_doubled(on_postgres, result.run_id)


def test_a_database_that_stays_away_ends_the_run(
    cluster: DaskProcesses,
    server: Postgres,
    on_postgres: DagsterInstance,
    marks: Marks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 1)
    # Dagster's own pauses come after those, at each of the queries at a run's end.
    monkeypatch.setattr("dagster_postgres.utils.time", SimpleNamespace(sleep=lambda seconds: None))
    with a_waiting_run(cluster, on_postgres, marks) as run:
        server.stop("immediate")
    try:
        with pytest.raises(Exception, match="too many retries for DB connection"):
            run.result()
    finally:
        server.start()


# Lost connections


@contextmanager
def lost_connections(instance: DagsterInstance, seed: int) -> Iterator[list[str]]:
    """While open, each fourth statement that writes, or so, is the last one of its connection.

    Yields the statements after which connections were lost.
    """
    engine: Any = instance.event_log_storage._engine  # type: ignore[attr-defined]
    lost: list[str] = []
    chance = Random(seed)

    def lose(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")) and chance.random() < 1 / 4:
            lost.append(statement)
            pid = cursor.connection.get_backend_pid()
            with engine.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    event.listen(engine, "after_cursor_execute", lose)
    try:
        yield lost
    finally:
        event.remove(engine, "after_cursor_execute", lose)


@pytest.mark.parametrize(
    ("job", "tags"),
    [(jobs_assets.versions_job, {"version": "one"}), (jobs_assets.checks_job, {"passed": "yes"})],
    ids=["versions", "checks"],
)
def test_what_is_written_when_a_connection_is_lost_is_written_once(
    job: Callable[[], JobDefinition],
    tags: dict[str, str],
    cluster: DaskProcesses,
    on_postgres: DagsterInstance,
) -> None:
    config = cluster.run_config()
    on_postgres.wipe()
    with run_job(job, on_postgres, run_config=config, tags=tags) as untroubled:
        assert untroubled.success
    expected = recorded(on_postgres, untroubled.run_id)
    on_postgres.wipe()
    with (
        lost_connections(on_postgres, seed=2) as lost,
        run_job(job, on_postgres, run_config=config, tags=tags) as result,
    ):
        assert result.success
    assert len(lost) > 3
    assert recorded(on_postgres, result.run_id) == expected
    assert_nothing_is_doubled(on_postgres, result.run_id)


def recorded(instance: DagsterInstance, run_id: str) -> tuple[Any, ...]:
    """What a database without other runs knows of a run."""
    tags, checks = AssetEventTagsTable.c, AssetCheckExecutionsTable.c
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        tagged = connection.execute(select(tags.asset_key, tags.key)).fetchall()
        checked = connection.execute(select(checks.check_name, checks.execution_status)).fetchall()
    return histories(instance, run_id), sorted(map(tuple, tagged)), sorted(map(tuple, checked))
