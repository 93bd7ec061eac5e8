"""Patience with a database server that restarts while a run goes on.

Dagster opens a connection for each query, and tries for about five seconds if there is none. Here,
it tries for a minute. If a connection is lost while an event is written, nobody can tell whether
the database has stored the event. So it is written again, unless it is found there.

Does nothing for an instance on SQLite, which has no server.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from sqlalchemy import Engine, delete, event
from sqlalchemy.exc import DBAPIError

from imagetl_assets.dask_executor.dagster_internals.event_log import event_id

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from imagetl_assets.dask_executor.dagster_internals.names import EventLogEntry

PATIENCE_SECONDS = 60.0  # for which a database may be away
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
    """Return the result of `write`, or of `again` if the connection was lost during `write`."""
    for _ in range(MAX_LOSSES):
        try:
            return write()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            write = again
    return write()


def _patient_connect() -> Callable[..., Any]:
    """Return a listener for SQLAlchemy's event `do_connect`, which makes the connection itself."""
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
    """Repeat calls of a method during which a connection was lost. Twice must do no harm."""
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
    """Do again what `store_event` does after it has added an event to the log's table."""
    from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
    from dagster._core.storage.event_log.schema import AssetEventTagsTable

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
