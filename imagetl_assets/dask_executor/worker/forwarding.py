"""Has the events of the run at hand sent to the run's process, not written by the worker.

All that Dagster stores about a step passes `store_event` of the instance's event log: the lines of
its log, its events, and what the step's own code reports to the instance. Every storage plugin of
Dagster has to have this method. So it is the one place to take the events from.

Three states of an event matter here:

- *told*: it was given to `store_event`, and waits to be sent with the next message;
- *safe*: the scheduler has it, so the death of this worker does not lose it (see `sender`);
- *written*: the run's process has written it into the event log, where others can read it.

A step starts once what was before it is safe, or written, if the step depends on it. Dagster reads
from the event log which versions of assets a step has as inputs; so these reads wait until what
this batch has told of the assets is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagster import DagsterEventType
from sqlalchemy.exc import DBAPIError

from imagetl_assets.dask_executor.dagster_internals.event_log import (
    knows_rows,
    row_of,
    steps_with,
)
from imagetl_assets.dask_executor.wire.messages import ForwardedEvent

if TYPE_CHECKING:
    from dagster import AssetKey, DagsterInstance

    from imagetl_assets.dask_executor.dagster_internals.names import AssetRecord, EventLogEntry
    from imagetl_assets.dask_executor.worker.sender import MessageSender

WRITTEN_SECONDS = 30.0
"""How long a step that needs what was told waits until it is written, at most."""
WRITTEN_POLL_SECONDS = 0.001, 0.05
"""From the first look to the next, and between two looks at most. Each look is a query."""


class EventForwarder:
    """Takes the place of the `store_event` of a worker's event log."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        storage: Any = instance.event_log_storage  # Its methods are replaced in this one object.
        self._storage = storage
        self._makes_rows = knows_rows(self._storage)
        self._run_id: str | None = None
        self._sender: MessageSender | None = None
        self._told_assets: dict[AssetKey, float] = {}  # when, for those that may not be written
        self._store_event = storage.store_event
        storage.store_event = self._forward_or_store
        storage.store_event_batch = self._forward_or_store_each
        # Dagster reads with this which version of an asset a step's output is made from.
        self._read_asset_records = storage.get_asset_records
        storage.get_asset_records = self._get_asset_records

    @contextmanager
    def forward(self, run_id: str, sender: MessageSender) -> Iterator[None]:
        """While open, events of this run go to `sender`; others are written as usual."""
        self._run_id, self._sender = run_id, sender
        try:
            yield
        finally:
            self._run_id = self._sender = None
            self._told_assets.clear()

    def wait_until_written(self, step_keys: AbstractSet[str]) -> bool:
        """Wait until the event log says that these steps have succeeded, which was told.

        Returns False if that takes longer than `WRITTEN_SECONDS`.
        """
        written = _wait_for(lambda: self._have_succeeded(step_keys))
        if written:
            self._told_assets.clear()
        return written

    def _have_succeeded(self, step_keys: AbstractSet[str]) -> bool:
        success = DagsterEventType.STEP_SUCCESS
        assert self._run_id is not None
        if not self._makes_rows:
            entries = self._instance.all_logs(self._run_id, of_type=success)
            return step_keys <= {entry.step_key for entry in entries}
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
        if told is not None and told.is_step_materialization and told.asset_key is not None:
            self._told_assets[told.asset_key] = event.timestamp

    def _get_asset_records(
        self, asset_keys: Sequence[AssetKey] | None = None
    ) -> Sequence[AssetRecord]:
        """Return the assets' records, with what this batch's steps have told of them.

        Dagster notes with an asset from which version of another asset it was made, also if the
        same step has made both.
        """
        told = {key: at for key, at in self._told_assets.items() if key in (asset_keys or [])}
        if told and self._sender is not None:
            self._sender.progress(urgent=True).result()
            _wait_for(lambda: self._are_written(told))
            for key in told:
                self._told_assets.pop(key, None)
        return self._records(asset_keys)

    def _records(self, asset_keys: Sequence[AssetKey] | None) -> Sequence[AssetRecord]:
        records: Sequence[AssetRecord] = self._read_asset_records(asset_keys)
        return records

    def _are_written(self, told: Mapping[AssetKey, float]) -> bool:
        written = {}
        for record in self._records(list(told)):
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
