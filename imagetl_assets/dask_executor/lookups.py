"""What Dagster looks up for each step, and need not.

A step of some milliseconds spends most of them on questions to the instance that the step before
it has asked as well. Nothing is assumed that another process could make wrong for long.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from sqlalchemy import Engine

KEPT_SECONDS = 1
MAX_PARTITIONS = 1000


def keep_sqlite_connections() -> None:
    """Have Dagster's SQLite storages keep a connection per file for `KEPT_SECONDS`.

    They make an engine for each statement, compile the statement, open the file, and close it,
    upon which SQLite folds its write-ahead log into the file.
    """
    # Both call the `create_engine` that they have imported.
    from dagster._core.storage.event_log.sqlite import sqlite_event_log
    from dagster._core.storage.runs.sqlite import sqlite_run_storage

    for module in (sqlite_event_log, sqlite_run_storage):
        module.create_engine = _engine_instead  # type: ignore[attr-defined]


def _engine_instead(url: str, **options: Any) -> Engine:
    return sqlite_engine(url)


@lru_cache(maxsize=8)  # there is a file for each run
def sqlite_engine(url: str) -> Engine:
    """An engine for one of Dagster's SQLite files."""
    from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
    from sqlalchemy import create_engine, event

    engine = create_engine(
        url,
        # A file may be deleted, and come back as another one.
        pool_recycle=KEPT_SECONDS,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
    )
    event.listen(engine, "connect", _need_not_sync)
    engine.dispose = _keep  # type: ignore[method-assign]  # Dagster calls it after each use
    return engine


def _need_not_sync(connection: Any, record: object) -> None:
    # With a write-ahead log, no crash of a program loses anything, and no loss of power harms it.
    connection.execute("PRAGMA synchronous=NORMAL")


def _keep(close: bool = True) -> None:
    """Do nothing."""


def remember_partitions(instance: DagsterInstance) -> None:
    """Have an instance remember for `KEPT_SECONDS` that a dynamic partition exists.

    Dagster asks for it with each output and each input of a step of a partitioned asset.
    """
    has, delete = instance.has_dynamic_partition, instance.delete_dynamic_partition
    seen: dict[tuple[str, str], float] = {}

    def has_dynamic_partition(partitions_def_name: str, partition_key: str) -> bool:
        key = (partitions_def_name, partition_key)
        if time.monotonic() - seen.get(key, -KEPT_SECONDS) < KEPT_SECONDS:
            return True
        if len(seen) > MAX_PARTITIONS:
            seen.clear()
        exists = has(partitions_def_name, partition_key)
        if exists:
            seen[key] = time.monotonic()
        return exists

    def delete_dynamic_partition(partitions_def_name: str, partition_key: str) -> None:
        seen.clear()
        delete(partitions_def_name, partition_key)

    instance.has_dynamic_partition = has_dynamic_partition  # type: ignore[method-assign]
    instance.delete_dynamic_partition = delete_dynamic_partition  # type: ignore[method-assign]
