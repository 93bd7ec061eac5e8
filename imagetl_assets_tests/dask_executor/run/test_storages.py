"""Event logs other than SQLite: PostgreSQL, and one of which nothing is known."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance, JobDefinition
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from sqlalchemy import create_engine, select, text

from imagetl_assets.dask_executor.dagster_internals.event_log import insert_rows
from imagetl_assets_tests.dask_executor import jobs_assets, jobs_graphs
from imagetl_assets_tests.dask_executor.jobs import dynamic_job
from imagetl_assets_tests.dask_executor.jobs_retries import backoff_job
from testbed.dagster_runs import Marks, local_instance, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import entries, run_on_dask_as_in_process
from testbed.postgres import postgres

MAPPED: dict[str, Any] = {"numbers": {"config": {"count": 10}}}


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of the tests' own."""
    with postgres() as server:
        yield server.url


def on_postgres(home: Path, url: str) -> DagsterInstance:
    return local_instance(home, storage={"postgres": {"postgres_url": url}})


def with_foreign_event_log(home: Path) -> DagsterInstance:
    """An instance whose event log the executor knows only by EventLogStorage's methods."""
    storage = {
        "module_name": "dagster._core.storage.sqlite_storage",
        "class_name": "DagsterSqliteStorage",
        "config_yaml": f"base_dir: {home / 'foreign'}",
    }
    legacy = {
        "module": "dagster._core.storage.legacy_storage",
        "class": "LegacyEventLogStorage",
        "config": storage,
    }
    instance = local_instance(home, event_log_storage=legacy)
    assert not isinstance(instance.event_log_storage, SqlEventLogStorage)
    return instance


@pytest.fixture(params=["postgres", "foreign"])
def other_instance(request: pytest.FixtureRequest, dagster_home: Path) -> Iterator[DagsterInstance]:
    """An instance on another event log than SQLite's own."""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
        opened = on_postgres(dagster_home, url)
    else:
        opened = with_foreign_event_log(dagster_home)
    with opened as instance:
        yield instance


@pytest.mark.parametrize(
    ("job", "ops"),
    [
        (dynamic_job, MAPPED),
        (jobs_graphs.skips_job, {}),
        (jobs_graphs.failure_job, {}),
        (jobs_graphs.dynamic_retry_job, {}),
    ],
    ids=lambda value: value.name if isinstance(value, JobDefinition) else "",
)
def test_steps_have_the_histories_that_they_have_in_process(
    job: JobDefinition,
    ops: dict[str, Any],
    cluster: DaskProcesses,
    other_instance: DagsterInstance,
) -> None:
    assert run_on_dask_as_in_process(job, cluster, other_instance, ops)


def test_retries_know_their_attempt(
    cluster: DaskProcesses, other_instance: DagsterInstance, marks: Marks
) -> None:
    with run_job(
        backoff_job, other_instance, run_config=cluster.run_config(), tags=marks.tags
    ) as result:
        assert result.success
        assert marks.of("backs_off") == ["0", "1", "2", "3"]


def test_assets_are_recorded_with_the_versions_that_they_are_made_from(
    cluster: DaskProcesses, other_instance: DagsterInstance
) -> None:
    with run_job(
        jobs_assets.versions_job,
        other_instance,
        run_config=cluster.run_config(),
        tags={"version": "one"},
    ) as result:
        assert result.success
    event = other_instance.get_latest_materialization_event(AssetKey("second"))
    assert event is not None
    assert event.asset_materialization is not None
    tags = event.asset_materialization.tags or {}
    assert tags["dagster/input_data_version/first"] == "one"
    assert tags["dagster/input_data_version/raw"] == "raw-3"


# Who writes

RECORD_WRITERS = """
    CREATE TABLE writers (name text);
    CREATE FUNCTION note_writer() RETURNS trigger AS $$
        BEGIN INSERT INTO writers VALUES (current_setting('application_name')); RETURN NEW; END
    $$ LANGUAGE plpgsql;
    CREATE TRIGGER note_writer BEFORE INSERT ON event_logs
        FOR EACH ROW EXECUTE FUNCTION note_writer();
"""
FORGET_WRITERS = """
    DROP TRIGGER note_writer ON event_logs;
    DROP FUNCTION note_writer;
    DROP TABLE writers;
"""


def test_only_the_process_of_the_run_writes_to_postgres(
    own_cluster: Callable[..., DaskProcesses], postgres_url: str, dagster_home: Path
) -> None:
    dask = own_cluster(0)
    dask.start_workers(2, env={"PGAPPNAME": "worker"})  # by which its connections can be told
    database = create_engine(postgres_url)
    with on_postgres(dagster_home, postgres_url) as instance:
        instance.get_runs_count()
        with database.begin() as connection:
            connection.execute(text(RECORD_WRITERS))
        config = {**dask.run_config(), "ops": MAPPED}
        try:
            with run_job(dynamic_job, instance, run_config=config) as result:
                assert result.success
            with database.begin() as connection:
                writers = Counter(connection.execute(text("SELECT name FROM writers")).scalars())
        finally:
            with database.begin() as connection:
                connection.execute(text(FORGET_WRITERS))
        assert sum(writers.values()) == len(entries(instance, result.run_id))
        assert "worker" not in writers
    database.dispose()


def test_rows_are_in_a_postgres_log_as_they_are_and_in_order(
    dagster_home: Path, postgres_url: str
) -> None:
    """Also texts that mean something to PostgreSQL, alone or in an array."""
    texts = [
        "",
        "NULL",
        "null",
        "'",
        '"',
        "\\",
        "\\'",
        "{a,b}",
        "a\nb\t",
        "%s %(a)s :a",
        "\u00e4\U0001f600",
    ]
    rows: list[dict[str, Any]] = [
        {
            "run_id": "a run",
            "event": f"{number} {text}",
            "dagster_event_type": "STEP_START" if number % 2 else None,
            "timestamp": datetime(2026, 1, 1, microsecond=number),
            "step_key": text,
            "asset_key": None,
            "partition": None if number % 3 else text,
        }
        for number, text in enumerate(texts)
    ]
    with on_postgres(dagster_home, postgres_url) as instance:
        insert_rows(instance, "a run", rows)
        storage: Any = instance.event_log_storage
        columns = [SqlEventLogStorageTable.c[name] for name in rows[0]]
        written = select(*columns).order_by(SqlEventLogStorageTable.c.id)
        with storage.run_connection("a run") as connection:
            found = connection.execute(written.where(columns[0] == "a run")).fetchall()
    assert [tuple(row) for row in found] == [tuple(row.values()) for row in rows]
