"""The table of the event log: rows are made on the workers, and written many at a time.

Dagster makes a row from an event, writes it, and commits, for each event by itself. To make the row
costs more time than to write it. So it is made where the step runs, and the run's process only adds
it to the table, with others, in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from imagetl_assets.dask_executor.dagster_internals.names import deserialize_value
from imagetl_assets.dask_executor.dagster_internals.replacing import in_use

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from dagster import DagsterEventType, DagsterInstance
    from sqlalchemy import Connection, Insert, Table

    from imagetl_assets.dask_executor.dagster_internals.names import EventLogEntry


def knows_rows(storage: Any) -> bool:
    """Whether `storage` is an event log whose table is known here."""
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

    return isinstance(storage, SqlEventLogStorage) and in_use("event-rows")


def row_of(storage: Any, entry: EventLogEntry) -> Mapping[str, Any] | None:
    """Return the row of an entry, or None if a row is not all that `storage` keeps of it."""
    if _is_more_than_a_row(entry):
        return None
    row: Mapping[str, Any] = storage._event_to_row(entry)
    return row


def insert_rows(
    instance: DagsterInstance,
    run_id: str,
    rows: Sequence[Mapping[str, Any]],
    unless_written: bool = False,
) -> None:
    """Add the rows of a run to the event log, all or none of them.

    Args:
        instance: with the event log.
        run_id: of the run that all rows are about.
        rows: from `row_of`, in the order of the events.
        unless_written: do nothing if the first row is in the event log already.
    """
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

    with _transaction(instance.event_log_storage, run_id) as connection:
        if unless_written and event_id(connection, run_id, rows[0]["event"]):
            return
        if connection.dialect.name == "postgresql":
            connection.execute(_insert_of_arrays(SqlEventLogStorageTable, rows))
        else:
            connection.execute(SqlEventLogStorageTable.insert(), rows)


def tell_listeners(
    instance: DagsterInstance, run_id: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Tell those who listen to the run in this process, as `DagsterInstance.handle_new_event`."""
    for listener in instance._subscribers[run_id]:
        for row in rows:
            listener(deserialize_value(row["event"]))


def event_id(connection: Connection, run_id: str, event_json: str) -> int | None:
    """Return the id of an event in the event log, or None if it is not there."""
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
    from sqlalchemy import select

    table = SqlEventLogStorageTable.c
    query = select(table.id).where(table.run_id == run_id, table.event == event_json)
    found: int | None = connection.execute(query.limit(1)).scalar()
    return found


def steps_with(
    event_type: DagsterEventType, storage: Any, run_id: str, step_keys: Collection[str]
) -> set[str]:
    """Return which of these steps have an event of this type in the event log.

    Raises:
        sqlalchemy.exc.DBAPIError: the database cannot be asked now.
    """
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
    from sqlalchemy import select

    table = SqlEventLogStorageTable.c
    query = select(table.step_key).where(
        table.run_id == run_id,
        table.step_key.in_(step_keys),
        table.dagster_event_type == event_type.value,
    )
    with storage.run_connection(run_id) as connection:
        return set(connection.execute(query).scalars())


def _insert_of_arrays(table: Table, rows: Sequence[Mapping[str, Any]]) -> Insert:
    """Return a statement that adds rows in their order, with one array of values for each column.

    To give PostgreSQL each value by itself takes the run's process longer.
    """
    from sqlalchemy import cast, func, select
    from sqlalchemy.dialects.postgresql import ARRAY

    names = list(rows[0])
    arrays = [
        func.unnest(cast([row[name] for row in rows], ARRAY(table.c[name].type))) for name in names
    ]
    return table.insert().from_select(names, select(*arrays))


@contextmanager
def _transaction(storage: Any, run_id: str) -> Iterator[Connection]:
    with storage.run_connection(run_id) as connection:
        if connection.in_transaction():  # as on SQLite
            yield connection
            return
        # The connections of dagster-postgres commit each statement by itself.
        connection = connection.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            yield connection


def _is_more_than_a_row(entry: EventLogEntry) -> bool:
    """Whether an event log keeps more of an entry than a row in its table."""
    told = entry.dagster_event
    return told is not None and told.event_type in _types_of_more_than_a_row()


@cache
def _types_of_more_than_a_row() -> AbstractSet[DagsterEventType]:
    from dagster._core.events import (
        ASSET_CHECK_EVENTS,
        ASSET_EVENTS,
        EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    )

    return {*ASSET_EVENTS, *ASSET_CHECK_EVENTS, *EVENT_TYPE_TO_PIPELINE_RUN_STATUS}
