"""What Dagster's SQLite storages keep, and that their files are what they would be without."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Thread

import pytest
from alembic.script import ScriptDirectory
from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetRecordsFilter,
    DagsterInstance,
    DagsterRun,
    EventLogEntry,
)
from dagster._core.event_api import EventLogRecord
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from sqlalchemy import event

from imagetl_assets.dask_executor.dagster_internals import migrations, sqlite, transactions
from imagetl_assets.dask_executor.dagster_internals.prepare import prepare_storages
from imagetl_assets_tests.dask_executor.replacements import needs_replacement

PLAIN_RUN = """
import sys
from dagster import DagsterInstance
with DagsterInstance.local_temp(sys.argv[1]) as instance:
    with instance.event_log_storage.run_connection("plain"):
        pass
"""


def _instance(folder: Path) -> DagsterInstance:
    folder.mkdir(exist_ok=True)
    return DagsterInstance.local_temp(str(folder), overrides={"telemetry": {"enabled": False}})


def _open_run(instance: DagsterInstance, run_id: str) -> Path:
    storage = instance.event_log_storage
    with storage.run_connection(run_id):  # type: ignore[attr-defined]
        pass
    return Path(storage.path_for_shard(run_id))  # type: ignore[attr-defined]


def _content(path: Path) -> tuple[list[str], list[tuple[str]], str]:
    """Return the schema, the revision and the journal's mode of a database."""
    with sqlite3.connect(path) as connection:
        schema = sorted(str(row[0]) for row in connection.execute("SELECT sql FROM sqlite_master"))
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        return schema, revision, connection.execute("PRAGMA journal_mode").fetchone()[0]


@needs_replacement("sqlite-engines")
def test_dagster_uses_the_kept_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "KEPT_SECONDS", 3600)  # The machine may be slow.
    prepare_storages()
    with _instance(tmp_path) as instance:
        instance.get_runs()
        kept = sqlite.sqlite_engine(f"sqlite:///{tmp_path}/history/runs.db")
        opened = []
        event.listen(kept, "connect", lambda *_: opened.append(1))
        instance.get_runs()
        instance.has_dynamic_partition("files", "a")
        assert opened == []


@needs_replacement("sqlite-engines")
@pytest.mark.skipif(sys.platform != "linux", reason="it looks at open files in /proc")
def test_files_of_earlier_runs_are_closed(tmp_path: Path) -> None:
    """A worker sees thousands of runs, each with a file of its own."""
    prepare_storages()
    with _instance(tmp_path) as instance:
        gc.disable()  # which would close some of them, at some time
        try:
            files = [_open_run(instance, f"run{number}") for number in range(20)]
            targets = {os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()}
        finally:
            gc.enable()
    assert [str(file) in targets for file in files].count(True) <= sqlite.KEPT_ENGINES


def test_a_folder_that_was_deleted_and_made_anew_is_noticed(tmp_path: Path) -> None:
    prepare_storages()
    home = tmp_path / "home"
    with _instance(home) as instance:
        instance.add_dynamic_partitions("files", ["a"])
        assert instance.has_dynamic_partition("files", "a")
    shutil.rmtree(home)
    time.sleep(sqlite.KEPT_SECONDS + 0.1)
    with _instance(home) as instance:
        assert not instance.has_dynamic_partition("files", "a")


def test_a_runs_file_is_what_dagster_alone_would_have_made(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", PLAIN_RUN, str(tmp_path)], check=True)
    prepare_storages()
    with _instance(tmp_path) as instance:
        ours = _open_run(instance, "ours")
        assert _content(ours) == _content(ours.with_name("plain.db"))


@needs_replacement("migration-scripts")
def test_the_migration_scripts_are_read_once(tmp_path: Path) -> None:
    prepare_storages()
    with _instance(tmp_path) as instance:
        _open_run(instance, "first")
        read = migrations._KeptScripts.from_config.cache_info()
        for name in ("second", "third"):
            _open_run(instance, name)
        after = migrations._KeptScripts.from_config.cache_info()
    assert after.misses == read.misses
    assert after.hits > read.hits


@needs_replacement("sqlite-engines")
def test_statements_compiled_for_one_file_serve_the_next(tmp_path: Path) -> None:
    prepare_storages()
    with _instance(tmp_path) as instance:

        def write_event(name: str) -> None:
            run = DagsterRun(job_name="a_job", run_id=name)
            instance.add_run(run)
            instance.report_engine_event("hello", run)

        write_event("first")
        statements = sqlite._compiler()[1]
        compiled = set(statements)
        write_event("second")
        new = {str(statements[key]) for key in set(statements) - compiled}
        # Alembic writes its revision into the statement.
        assert not [one for one in new if "alembic_version" not in one]
        messages = [_message(entry) for entry in instance.all_logs("second")]
    assert messages == ["hello"]


def _message(entry: EventLogEntry) -> str:
    assert entry.dagster_event is not None
    return str(entry.dagster_event.message)


def _materialize(instance: DagsterInstance, run: DagsterRun, count: int) -> None:
    for number in range(count):
        event = AssetMaterialization("a", metadata={"number": number})
        instance.report_dagster_event(_materialized(event), run_id=run.run_id)


def _materialized(event: AssetMaterialization) -> DagsterEvent:
    return DagsterEvent(
        DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name="a_job",
        event_specific_data=StepMaterializationData(event),
    )


def _records(instance: DagsterInstance) -> Sequence[EventLogRecord]:
    return instance.fetch_materializations(AssetRecordsFilter(AssetKey("a")), limit=10).records


@pytest.fixture
def run_and_instances(
    tmp_path: Path,
) -> Iterator[tuple[DagsterRun, DagsterInstance, DagsterInstance]]:
    """A run, and two instances of the same files, with connections of their own."""
    prepare_storages()
    with _instance(tmp_path) as instance, _instance(tmp_path) as other:
        run = DagsterRun(job_name="a_job")
        instance.add_run(run)
        yield run, instance, other


@needs_replacement("sqlite-transactions")
def test_events_are_written_to_both_files_in_one_transaction(
    run_and_instances: tuple[DagsterRun, DagsterInstance, DagsterInstance],
) -> None:
    run, instance, other = run_and_instances
    with transactions.transactions(instance.event_log_storage).one():
        instance.report_engine_event("hello", run)
        _materialize(instance, run, 2)
        assert (len(_records(other)), len(other.all_logs(run.run_id))) == (0, 0)
    assert (len(_records(other)), len(other.all_logs(run.run_id))) == (2, 3)
    _materialize(instance, run, 1)  # outside of it, at once
    assert (len(_records(other)), len(other.all_logs(run.run_id))) == (3, 4)


@needs_replacement("sqlite-transactions")
def test_of_events_that_cannot_all_be_written_none_is(
    run_and_instances: tuple[DagsterRun, DagsterInstance, DagsterInstance],
) -> None:
    run, instance, other = run_and_instances

    def write_and_fail() -> None:
        with transactions.transactions(instance.event_log_storage).one():
            _materialize(instance, run, 2)
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_and_fail()
    assert (len(_records(other)), len(other.all_logs(run.run_id))) == (0, 0)
    _materialize(instance, run, 1)
    assert (len(_records(other)), len(other.all_logs(run.run_id))) == (1, 1)


@needs_replacement("sqlite-transactions")
def test_another_thread_waits_for_the_end_of_a_transaction(
    run_and_instances: tuple[DagsterRun, DagsterInstance, DagsterInstance],
) -> None:
    run, instance, _ = run_and_instances
    found: list[int] = []
    reader = Thread(target=lambda: found.append(len(instance.all_logs(run.run_id))))
    with transactions.transactions(instance.event_log_storage).one():
        _materialize(instance, run, 1)
        reader.start()
        reader.join(0.2)
        assert found == []
        _materialize(instance, run, 1)
    reader.join()
    assert found == [2]


def test_other_event_logs_are_written_as_before() -> None:
    with DagsterInstance.ephemeral() as instance:
        run = DagsterRun(job_name="a_job")
        instance.add_run(run)
        with transactions.transactions(instance.event_log_storage).one():
            _materialize(instance, run, 1)
            assert len(_records(instance)) == 1


def test_alembic_itself_is_left_alone() -> None:
    prepare_storages()
    assert "from_config" in vars(ScriptDirectory)
    assert not hasattr(ScriptDirectory.from_config, "cache_info")
