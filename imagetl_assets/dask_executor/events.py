"""How events get from the steps on the workers into the event log.

Workers do not write to the event log: they send their events to the run's process, which writes
many of them in one transaction. So the number of connections that write does not grow with the
number of workers, and each event is written once, whatever happens to a worker.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from imagetl_assets.dask_executor.messages import ForwardedEvent, Message, MessageKind
from imagetl_assets.dask_executor.sqlite import transactions

if TYPE_CHECKING:
    from concurrent.futures import Future

    from dagster import AssetKey, DagsterEventType, DagsterInstance
    from dagster._core.events.log import EventLogEntry
    from dagster._core.storage.event_log.base import AssetRecord
    from distributed import Worker
    from sqlalchemy import Connection

FLUSH_SECONDS = 0.25  # an event is on its way at most this long after it happened
WRITTEN_SECONDS = 30.0  # a step that needs what was told waits at most so long for it
WRITTEN_POLL_SECONDS = 0.001, 0.05  # from the first look to the next, and at most: each is a query


class EventSender:
    """Sends the messages of one execution of a batch, in order. Safe to use from any thread."""

    def __init__(self, worker: Worker, topic: str, batch: int) -> None:
        self.execution = uuid.uuid4().hex
        self._worker: Any = worker  # its loop is typed as one without an asyncio loop
        self._topic = topic
        self._batch = batch
        self._events: list[ForwardedEvent] = []
        self._lock = threading.Lock()
        self._one_at_a_time = asyncio.Lock()
        self._flush_is_due = False

    def add(self, event: ForwardedEvent) -> None:
        """Keep an event to be sent with the next message, at the latest after `FLUSH_SECONDS`."""
        with self._lock:
            self._events.append(event)
            if self._flush_is_due:
                return
            self._flush_is_due = True
        loop = self._worker.loop
        loop.add_callback(loop.call_later, FLUSH_SECONDS, self._flush_now)

    def send(self, kind: MessageKind = "events", **fields: Any) -> None:
        """Send a message and the events kept so far; returns when the scheduler has them.

        What a step did is safe from the death of its worker once this has returned.
        """
        self.post(kind, **fields).result()

    def post(self, kind: MessageKind = "events", **fields: Any) -> Future[None]:
        """Send as `send` does, without waiting; the result is there when the scheduler has it."""
        with self._lock:
            events, self._events = self._events, []
            message = Message(
                kind, self._batch, self.execution, self._worker.address, events, **fields
            )
            return asyncio.run_coroutine_threadsafe(
                self._publish(message), self._worker.loop.asyncio_loop
            )

    def drop_events(self) -> None:
        """Forget the events that were not sent yet."""
        with self._lock:
            self._events.clear()

    def _flush_now(self) -> None:
        self._flush_is_due = False
        if self._events:
            self.post()

    async def _publish(self, message: Message) -> None:
        async with self._one_at_a_time:
            # The RPC behind Worker.log_event, which itself cannot be awaited.
            await self._worker.scheduler.log_event(topic=self._topic, msg=message.to_wire())


class EventForwarder:
    """Makes a worker's instance hand over the events of the run at hand instead of writing them."""

    def __init__(self, instance: DagsterInstance) -> None:
        from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

        self._instance = instance
        storage = instance.event_log_storage
        self._storage = storage if isinstance(storage, SqlEventLogStorage) else None
        self._write = instance.handle_new_event
        self._run_id: str | None = None
        self._sender: EventSender | None = None
        # Dagster's log handler and its report_* methods all end in this method.
        instance.handle_new_event = self._handle_new_event  # type: ignore[method-assign]
        # Dagster reads with this method which version of an asset a step's output is made from.
        self._read_asset_records = instance.get_asset_records
        self._told_assets: dict[AssetKey, float] = {}  # when, for those that may not be written
        instance.get_asset_records = self._get_asset_records  # type: ignore[method-assign]

    @contextmanager
    def forward(self, run_id: str, sender: EventSender) -> Iterator[None]:
        """While open, events of this run go to `sender`; others are written as usual."""
        self._run_id, self._sender = run_id, sender
        try:
            yield
        finally:
            self._run_id = self._sender = None
            self._told_assets.clear()

    def wait_until_written(self, step_keys: AbstractSet[str]) -> bool:
        """Wait until the event log says that these steps have succeeded; False if it takes long.

        They were told to have.
        """
        written = _wait_for(lambda: self._have_succeeded(step_keys))
        if written:
            self._told_assets.clear()
        return written

    def _have_succeeded(self, step_keys: AbstractSet[str]) -> bool:
        from dagster import DagsterEventType
        from sqlalchemy.exc import DBAPIError

        from imagetl_assets.dask_executor.database import steps_with

        success = DagsterEventType.STEP_SUCCESS
        assert self._run_id is not None
        if self._storage is None:
            entries = self._instance.all_logs(self._run_id, of_type=success)
            return step_keys <= {entry.step_key for entry in entries}
        try:
            with self._storage.run_connection(self._run_id) as connection:
                return step_keys <= steps_with(success.value, connection, self._run_id, step_keys)
        except DBAPIError:
            return False  # the database may restart

    def _handle_new_event(self, event: EventLogEntry, *, batch_metadata: Any = None) -> None:
        sender = self._sender
        if sender is None or event.run_id != self._run_id:
            self._write(event, batch_metadata=batch_metadata)
        elif not self._instance.should_store_event(event):
            return
        elif self._storage is None or _is_more_than_a_row(event):
            sender.add(ForwardedEvent(None, event, event.dagster_event))
        else:
            row = self._storage._event_to_row(event)  # what SqlEventLogStorage itself inserts
            sender.add(ForwardedEvent(row, None, event.dagster_event))
        told = event.dagster_event
        if told is not None and told.is_step_materialization and told.asset_key is not None:
            self._told_assets[told.asset_key] = event.timestamp

    def _get_asset_records(
        self, asset_keys: Sequence[AssetKey] | None = None
    ) -> Sequence[AssetRecord]:
        """The assets' records, as of what this batch's steps have told of them.

        An asset that depends on another one of the same step is recorded with its version.
        """
        told = {key: at for key, at in self._told_assets.items() if key in (asset_keys or [])}
        if told and self._sender is not None:
            self._sender.send(urgent=True)
            _wait_for(lambda: self._are_written(told))
            for key in told:
                self._told_assets.pop(key, None)
        return self._read_asset_records(asset_keys)

    def _are_written(self, told: Mapping[AssetKey, float]) -> bool:
        written = {}
        for record in self._read_asset_records(list(told)):
            entry = record.asset_entry
            if entry.last_materialization is not None:
                written[entry.asset_key] = entry.last_materialization.timestamp
        return all(written.get(key, 0) >= at for key, at in told.items())


def _wait_for(written: Callable[[], bool]) -> bool:
    """Wait until the event log holds what is looked for; False if it takes `WRITTEN_SECONDS`."""
    deadline = time.monotonic() + WRITTEN_SECONDS
    pause, longest = WRITTEN_POLL_SECONDS
    while not written():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(1.5 * pause, longest)
    return True


class EventWriter:
    """Writes events into the event log of the run's process."""

    def __init__(self, instance: DagsterInstance, run_id: str) -> None:
        self._instance = instance
        self._run_id = run_id
        self._transactions = transactions(instance.event_log_storage)

    def write(self, events: Sequence[ForwardedEvent]) -> None:
        """Write events in their order, on SQLite in one transaction, else in few."""
        rows: list[Any] = []
        with self._transactions.one():
            for event in events:
                if event.row is not None:
                    rows.append(event.row)
                    continue
                self._insert(rows)
                rows = []
                assert event.entry is not None
                self._instance.handle_new_event(event.entry)
            self._insert(rows)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        storage: Any = self._instance.event_log_storage
        with storage.run_connection(self._run_id) as connection:
            if connection.in_transaction():  # as on SQLite
                yield connection
                return
            # Other than this, the connections of dagster-postgres commit each statement.
            connection = connection.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                yield connection

    def _insert(self, rows: list[Any]) -> None:
        if not rows:
            return
        from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

        from imagetl_assets.dask_executor.database import event_id, unless_lost

        def insert(unless_written: bool = False) -> None:
            with self._transaction() as connection:
                first = rows[0]
                if unless_written and event_id(connection, first["run_id"], first["event"]):
                    return
                connection.execute(SqlEventLogStorageTable.insert(), rows)

        unless_lost(insert, again=lambda: insert(unless_written=True))
        # As DagsterInstance.handle_new_event does: listeners registered in this process.
        for subscriber in self._instance._subscribers[self._run_id]:
            for row in rows:
                subscriber(_entry_from_json(row["event"]))


def _is_more_than_a_row(entry: EventLogEntry) -> bool:
    """Whether an event log keeps more of it than a row in its table."""
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


def _entry_from_json(json: str) -> EventLogEntry:
    from dagster._core.events.log import EventLogEntry
    from dagster._serdes import deserialize_value

    return deserialize_value(json, EventLogEntry)
