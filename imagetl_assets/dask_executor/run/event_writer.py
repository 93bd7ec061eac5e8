"""Writes events into the event log of the run's process.

Workers do not write to the event log: they send their events to the run's process, which writes
many of them in one transaction. So the number of connections that write does not grow with the
number of workers, and each event is written once, whatever happens to a worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagetl_assets.dask_executor.dagster_internals.database import unless_lost
from imagetl_assets.dask_executor.dagster_internals.event_log import insert_rows, tell_listeners
from imagetl_assets.dask_executor.dagster_internals.transactions import transactions
from imagetl_assets.dask_executor.wire.messages import ForwardedEvent

if TYPE_CHECKING:
    from dagster import DagsterInstance


class EventWriter:
    """Writes the events of one run."""

    def __init__(self, instance: DagsterInstance, run_id: str) -> None:
        self._instance = instance
        self._run_id = run_id
        self._transactions = transactions(instance.event_log_storage)

    def write(self, events: Sequence[ForwardedEvent]) -> None:
        """Write events in their order, on SQLite in one transaction, else in few."""
        if not events:
            return
        rows: list[Mapping[str, Any]] = []
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

    def _insert(self, rows: list[Mapping[str, Any]]) -> None:
        if not rows:
            return

        def insert(unless_written: bool = False) -> None:
            insert_rows(self._instance, self._run_id, rows, unless_written)

        unless_lost(insert, again=lambda: insert(unless_written=True))
        tell_listeners(self._instance, self._run_id, rows)
