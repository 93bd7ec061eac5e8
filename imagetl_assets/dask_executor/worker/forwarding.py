"""Has the events of the run at hand sent to the run's process, not written by the worker.

Dagster stores everything about a step with `store_event` of the instance's event log: the lines of
its log, its events, and what the code of the step reports to the instance. Every storage plugin of
Dagster has this method, so it is the one place where all events can be taken.

An event goes through three states:

- *told*: it was given to `store_event`, and waits to be sent with the next message;
- *safe*: the scheduler has it, so it is not lost if this worker dies (see `sender`);
- *written*: the run's process has written it into the event log, where others can read it.

A step starts when the events of the steps before it are safe, or, if it depends on these steps,
written. If a step reads the event log, it has to find its own earlier events there. So the methods
that read events wait until the events that may concern them are written. Dagster itself reads
events, too: for example, to find the materialization that an asset check is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from dagster import AssetKey, DagsterEventType
from sqlalchemy.exc import DBAPIError

from imagetl_assets.dask_executor.dagster_internals.event_log import (
    knows_rows,
    row_of,
    steps_with,
)
from imagetl_assets.dask_executor.wire.messages import ForwardedEvent
from imagetl_assets.dask_executor.worker.sender import poll

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from imagetl_assets.dask_executor.dagster_internals.names import EventLogEntry
    from imagetl_assets.dask_executor.worker.sender import Sender

T = TypeVar("T")

_READS_EVENTS = ("get_", "fetch_", "all_asset_keys", "has_asset_key")
_READS_OTHER_THINGS = ("concurrency", "pool", "dynamic_partition", "tags_to_index", "freshness")


class EventForwarder:
    """Takes the place of `store_event` of a worker's event log, and of its methods that read."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        storage: Any = instance.event_log_storage  # Its methods are replaced in this one object.
        self._storage = storage
        self._makes_rows = knows_rows(storage)
        self._run_id: str | None = None
        self._sender: Sender | None = None
        # What was told since all was written: kinds of events, None for lines, and their assets.
        self._told_types: set[DagsterEventType | None] = set()
        self._told_assets: set[AssetKey] = set()
        self._store_event = storage.store_event
        self._read_records = storage.get_records_for_run
        storage.store_event = self._forward_or_store
        storage.store_event_batch = self._forward_or_store_each
        for name in dir(type(storage)):
            if _reads_events(name):
                setattr(storage, name, self._waiting(getattr(storage, name)))

    @contextmanager
    def forward(self, run_id: str, sender: Sender) -> Iterator[None]:
        """While open, events of this run go to `sender`; others are written as usual."""
        self._run_id, self._sender = run_id, sender
        try:
            yield
        finally:
            self._run_id = self._sender = None
            self._nothing_told()

    def wait_until_successful(self, step_keys: AbstractSet[str]) -> bool:
        """Wait until the event log says that these steps have succeeded, which was told.

        Returns False if that takes longer than `sender.WRITTEN_SECONDS`.
        """
        written = poll(lambda: self._have_succeeded(step_keys))
        if written:  # And with that, what they have told of assets, as it was told before.
            self._told_assets.clear()
        return written

    def _nothing_told(self) -> None:
        self._told_types.clear()
        self._told_assets.clear()

    def _have_succeeded(self, step_keys: AbstractSet[str]) -> bool:
        success = DagsterEventType.STEP_SUCCESS
        assert self._run_id is not None
        if not self._makes_rows:
            records = self._read_records(self._run_id, of_type=success).records
            return step_keys <= {record.event_log_entry.step_key for record in records}
        try:
            return step_keys <= steps_with(success, self._storage, self._run_id, step_keys)
        except DBAPIError:
            return False  # The database may be restarting.

    def _forward_or_store_each(self, entries: Sequence[EventLogEntry]) -> None:
        for entry in entries:
            self._forward_or_store(entry)

    def _forward_or_store(self, event: EventLogEntry) -> None:
        sender = self._sender
        if sender is None or event.run_id != self._run_id:
            self._store_event(event)
            return
        told = event.dagster_event
        row = row_of(self._storage, event) if self._makes_rows else None
        sender.add(ForwardedEvent(row, None if row else event, told))
        self._told_types.add(told.event_type if told else None)
        # Of a check, the asset stands in the data of its event.
        for source in (told, getattr(told, "event_specific_data", None)):
            if isinstance(asset := getattr(source, "asset_key", None), AssetKey):
                self._told_assets.add(asset)

    def _waiting(self, read: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that reads as `read`, once what was told is written, if need be."""

        def waiting_read(*args: Any, **kwargs: Any) -> Any:
            if self._told_types and self._concerns([*args, *kwargs.values()]):
                sender = self._sender
                if sender is not None and sender.wait_until_written():
                    self._nothing_told()
            return read(*args, **kwargs)

        return waiting_read

    def _concerns(self, arguments: Sequence[Any]) -> bool:
        """Whether a read with these arguments may be about something that was told.

        If it names assets or types of events, something has to have been told of these.
        """
        assets = set(_named(arguments, AssetKey))
        types = set(_named(arguments, DagsterEventType))
        return not (assets and assets.isdisjoint(self._told_assets)) and not (
            types and types.isdisjoint(self._told_types)
        )


def _reads_events(method: str) -> bool:
    """Whether a method of an event log reads events, or what is kept of them."""
    return method.startswith(_READS_EVENTS) and not any(
        other in method for other in _READS_OTHER_THINGS
    )


def _named(arguments: Iterable[Any], kind: type[T]) -> Iterator[T]:
    """Yield what the arguments of a read name of a kind, by themselves or in a filter."""
    for argument in arguments:
        if isinstance(argument, kind):
            yield argument
        elif type(argument) in (list, tuple, set, frozenset):  # Dagster's own records are tuples.
            yield from _named(argument, kind)
        else:
            inner = (getattr(argument, name, None) for name in ("asset_key", "event_type"))
            yield from (each for each in inner if isinstance(each, kind))
