"""Patience with a database that restarts while a run goes on.

Dagster opens a connection for each query, and asks for some five seconds if there is none. Here it
asks for longer, and what is written when a connection is lost is written again unless it is there:
nobody can tell whether the database has still taken it.

Does nothing for an instance on SQLite, which is not a server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from dagster._core.storage.event_log.schema import AssetEventTagsTable, SqlEventLogStorageTable
from sqlalchemy import Engine, delete, event, select
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.events.log import EventLogEntry
    from sqlalchemy import Connection

PATIENCE_SECONDS = 60.0  # that a database may be away
LONGEST_PAUSE_SECONDS = 2.0
MAX_LOSSES = 10  # of connections, during one write

T = TypeVar("T")

_patient: WeakSet[Any] = WeakSet()  # storages


def be_patient(instance: DagsterInstance) -> None:
    """Make an instance wait for its database for `PATIENCE_SECONDS`, and write each event once."""
    for storage in (instance.run_storage, instance.event_log_storage):
        engine = getattr(storage, "_engine", None)
        if not isinstance(engine, Engine) or storage in _patient:
            continue
        _patient.add(storage)
        event.listen(engine, "do_connect", _patient_connect())
        if hasattr(storage, "store_event"):
            _store_events_once(storage)
        else:
            _repeat(storage, "handle_run_event")


def unless_lost(write: Callable[[], T], again: Callable[[], T]) -> T:
    """The result of `write`, or of `again` where the connection was lost meanwhile."""
    for _ in range(MAX_LOSSES):
        try:
            return write()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            write = again
    return write()


def event_id(connection: Connection, run_id: str, event_json: str) -> int | None:
    """Where in the event log an event is, or None."""
    table = SqlEventLogStorageTable.c
    query = select(table.id).where(table.run_id == run_id, table.event == event_json)
    found: int | None = connection.execute(query.limit(1)).scalar()
    return found


def steps_with(
    event_type: str, connection: Connection, run_id: str, step_keys: Collection[str]
) -> set[str]:
    """Which of these steps have an event of this type in the event log."""
    table = SqlEventLogStorageTable.c
    query = select(table.step_key).where(
        table.run_id == run_id,
        table.step_key.in_(step_keys),
        table.dagster_event_type == event_type,
    )
    return set(connection.execute(query).scalars())


def _patient_connect() -> Callable[..., Any]:
    """How to connect: SQLAlchemy's `do_connect` hook."""
    away_since: float | None = None

    def connect(dialect: Any, record: Any, arguments: Any, options: Any) -> Any:
        nonlocal away_since
        pause = 0.1
        while True:
            try:
                connection = dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > PATIENCE_SECONDS:
                    raise
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                away_since = None
                return connection

    return connect


def _repeat(storage: Any, method: str) -> None:
    """Repeat calls of a method in which a connection was lost; it does no harm to do it twice."""
    original = getattr(storage, method)

    def call(*args: Any, **kwargs: Any) -> Any:
        def once() -> Any:
            return original(*args, **kwargs)

        return unless_lost(once, again=once)

    setattr(storage, method, call)


def _store_events_once(storage: Any) -> None:
    original = storage.store_event

    def store_event(entry: EventLogEntry) -> None:
        def store() -> None:
            original(entry)

        def complete() -> None:
            row = storage._event_to_row(entry)  # as `store_event` writes it
            with storage.run_connection(entry.run_id) as connection:
                stored = event_id(connection, row["run_id"], row["event"])
            if stored is None:
                original(entry)
            else:
                _complete_event(storage, entry, stored)

        unless_lost(store, again=complete)

    storage.store_event = store_event


def _complete_event(storage: Any, entry: EventLogEntry, stored: int) -> None:
    """Do what `store_event` does after it has added an event to the log, or do it again."""
    from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS

    told = entry.dagster_event
    if told is None:
        return
    if told.event_type in ASSET_EVENTS and told.asset_key is not None:
        with storage.index_connection() as connection:
            table = AssetEventTagsTable
            connection.execute(delete(table).where(table.c.event_id == stored))
        storage.store_asset_event_tags([entry], [stored])
        storage.store_asset_event(entry, stored)
    if told.event_type in ASSET_CHECK_EVENTS:
        storage.store_asset_check_event(entry, stored)
