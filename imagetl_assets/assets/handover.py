"""How the mapped steps tell the step that collects what they have stored.

A small record travels in the metadata of a step's output, through the event log: so a run whose
steps store one frame each needs two requests to the storage for each of them, not four. The record
of many frames is left in the storage, where it costs little for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    JsonMetadataValue,
    OpExecutionContext,
)

from imagetl_assets.records import FrameIndex, StoredBatch
from imagetl_assets.storage.resource import PartitionFolder

_LABEL = "stored"
_MOST_BYTES = 16 * 1024


class BatchName(NamedTuple):
    """Names a batch of frames: by partition, fingerprint of the index, and its key in that."""

    partition: str
    fingerprint: str
    key: str


class Sender:
    """Collects what one mapped step has to tell."""

    def __init__(self) -> None:
        self._told: list[tuple[BatchName, dict[str, Any] | None]] = []

    def add(self, name: BatchName, folder: PartitionFolder, batch: StoredBatch) -> None:
        """Tell what is stored of a batch."""
        record = batch.to_json()
        small = len(record) <= _MOST_BYTES
        if not small:
            folder.store.write(folder.batch_record(name.fingerprint, name.key), record)
        self._told.append((name, batch.to_dict() if small else None))

    def send(self, context: OpExecutionContext) -> None:
        """Put it into the metadata of the step's output."""
        rows = [[*name, record] for name, record in self._told]
        context.add_output_metadata({_LABEL: JsonMetadataValue(rows)})


class Receiver:
    """What the mapped steps of a run have told, and of the runs that it is a re-execution of."""

    def __init__(self, instance: DagsterInstance, run: DagsterRun) -> None:
        self._told: dict[BatchName, dict[str, Any] | None] = {}
        for told in _oldest_first(instance, run):
            self._told.update(_told_by(instance, told))

    def batches(
        self, partition: str, folder: PartitionFolder, index: FrameIndex
    ) -> tuple[list[StoredBatch], bool]:
        """Return what is stored of an index, in order, and whether records of it are left behind.

        Raises:
            FileNotFoundError: it is not known, or no longer.
        """
        names = [BatchName(partition, index.fingerprint, key) for key in index.batches()]
        if unknown := [name for name in names if name not in self._told]:
            raise FileNotFoundError(f"nothing is known of {unknown[0].key}")
        told = {name: self._told[name] for name in names}
        large = [name for name, record in told.items() if record is None]
        keys = [folder.batch_record(name.fingerprint, name.key) for name in large]
        read = dict(zip(large, folder.store.read_many(keys), strict=True)) if large else {}
        batches = [
            StoredBatch.from_json(read[name]) if record is None else StoredBatch.from_dict(record)
            for name, record in told.items()
        ]
        return batches, bool(large)


def _oldest_first(instance: DagsterInstance, run: DagsterRun) -> list[DagsterRun]:
    """Return the runs that this one is a re-execution of, and this one."""
    runs = [run]
    while parent_id := runs[0].parent_run_id:
        parent = instance.get_run_by_id(parent_id)
        if parent is None:
            break
        runs.insert(0, parent)
    return runs


def _told_by(
    instance: DagsterInstance, run: DagsterRun
) -> Iterator[tuple[BatchName, dict[str, Any] | None]]:
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_OUTPUT):
        assert entry.dagster_event is not None
        told = entry.dagster_event.step_output_data.metadata.get(_LABEL)
        if isinstance(told, JsonMetadataValue) and isinstance(told.data, list):
            for *name, record in told.data:
                yield BatchName(*name), record
