"""How the mapped steps tell the step that collects what they have stored.

A small report travels in the metadata of the step's output, through Dagster's event log. So a run
whose steps store one frame each makes two requests to the storage for each frame instead of four.
The report of many frames is left in the storage as a file, which costs little for each frame.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    JsonMetadataValue,
    OpExecutionContext,
)

from imagetl_assets.file_failures import with_parents
from imagetl_assets.mapped_steps import frame_batches
from imagetl_assets.records import FrameIndex, StoredFrameBatch
from imagetl_assets.storage.partition_folder import PartitionFolder

_LABEL = "stored"
_MOST_BYTES_IN_EVENTS = 16 * 1024


class FrameBatchName(NamedTuple):
    """Names a frame batch: by partition, claim of the index, and its key in the index."""

    partition: str
    claim: str
    key: str

    def path(self, folder: PartitionFolder) -> str:
        """Return where a large report of it is stored."""
        return f"{folder.claim_folder(self.claim)}/{self.key}.json"


class StepReport:
    """What one mapped step has to tell."""

    def __init__(self) -> None:
        self._rows: list[list[Any]] = []

    def add(self, name: FrameBatchName, folder: PartitionFolder, batch: StoredFrameBatch) -> None:
        """Tell what is stored of a frame batch."""
        record = batch.to_json()
        if len(record) <= _MOST_BYTES_IN_EVENTS:
            self._rows.append([*name, json.loads(record)])
        else:
            folder.store.write_many({name.path(folder): record}, make_folder=False)
            self._rows.append([*name, None])

    def send(self, context: OpExecutionContext) -> None:
        """Put it into the metadata of the step's output."""
        context.add_output_metadata({_LABEL: JsonMetadataValue(self._rows)})


class StepReports:
    """What the mapped steps of a run have told, and those of the runs that it re-executes."""

    def __init__(self, instance: DagsterInstance, run: DagsterRun) -> None:
        self._told: dict[FrameBatchName, dict[str, Any] | None] = {}
        for reporting in with_parents(instance, run):
            self._told.update(_told_by(instance, reporting))

    def of_index(
        self, partition: str, folder: PartitionFolder, index: FrameIndex
    ) -> list[StoredFrameBatch]:
        """Return what is stored of an index, in order.

        Raises:
            FileNotFoundError: it is not known, or not any more.
        """
        names = [FrameBatchName(partition, index.claim, key) for key in frame_batches(index)]
        if unknown := [name for name in names if name not in self._told]:
            raise FileNotFoundError(f"nothing is known of {unknown[0].key}")
        told = {name: self._told[name] for name in names}
        large = [name for name, record in told.items() if record is None]
        contents = folder.store.read_many([name.path(folder) for name in large]) if large else ()
        read = dict(zip(large, contents, strict=True))
        return [
            StoredFrameBatch.from_json(read[name])
            if record is None
            else StoredFrameBatch.from_dict(record)
            for name, record in told.items()
        ]


def _told_by(
    instance: DagsterInstance, run: DagsterRun
) -> Iterator[tuple[FrameBatchName, dict[str, Any] | None]]:
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_OUTPUT):
        assert entry.dagster_event is not None
        told = entry.dagster_event.step_output_data.metadata.get(_LABEL)
        if isinstance(told, JsonMetadataValue) and isinstance(told.data, list):
            for *name, record in told.data:
                yield FrameBatchName(*name), record
