"""What travels from the workers to the run's process."""

from __future__ import annotations

import os

from dagster import (
    AssetMaterialization,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    EventLogEntry,
)
from dagster._core.events import StepMaterializationData
from dagster._core.execution.plan.objects import StepSuccessData

from imagetl_assets.dask_executor.events import EventForwarder
from imagetl_assets.dask_executor.messages import MOST_COMPRESSED_BYTES, ForwardedEvent, Message


def _message(text: str) -> Message:
    return Message("refused", 1, "an execution", "tcp://worker", text=text)


def test_a_message_arrives_as_it_was_sent() -> None:
    for text in ("", "short", "x" * MOST_COMPRESSED_BYTES):
        assert Message.from_wire(_message(text).to_wire()) == _message(text)
    assert Message.from_wire({"action": "add-worker"}) is None


def test_what_is_alike_is_compressed_and_what_is_large_is_not() -> None:
    (packed,) = _message("event " * 1000).to_wire().values()
    assert len(packed) < 500
    picture = os.urandom(MOST_COMPRESSED_BYTES // 2).hex()
    (packed,) = _message(picture).to_wire().values()
    assert len(picture) < len(packed) < len(picture) + 1000


class _Sender:
    def __init__(self) -> None:
        self.events: list[ForwardedEvent] = []

    def add(self, event: ForwardedEvent) -> None:
        self.events.append(event)


def _entry(event_type: DagsterEventType, text: str, data: object) -> EventLogEntry:
    event = DagsterEvent(
        event_type.value,
        job_name="a_job",
        event_specific_data=data,  # type: ignore[arg-type]
        message=text,
    )
    return EventLogEntry(None, 10, text, "a run", 0.0, dagster_event=event)


def test_a_materialization_travels_once() -> None:
    """As an event log keeps more of it than a row, the run's process needs all of it anyway."""
    with DagsterInstance.local_temp() as instance:
        forwarder, sender = EventForwarder(instance), _Sender()
        picture = os.urandom(50_000).hex()
        made = AssetMaterialization("a", metadata={"picture": picture})
        entries = [
            _entry(DagsterEventType.ASSET_MATERIALIZATION, "made", StepMaterializationData(made)),
            _entry(DagsterEventType.STEP_SUCCESS, "done", StepSuccessData(duration_ms=1.0)),
        ]
        with forwarder.forward("a run", sender):  # type: ignore[arg-type]
            for entry in entries:
                instance.handle_new_event(entry)
        materialized, succeeded = sender.events
        assert (materialized.row, materialized.entry) == (None, entries[0])
        assert succeeded.row is not None
        assert succeeded.row["dagster_event_type"] == "STEP_SUCCESS"
        message = Message("events", 1, "an execution", "tcp://worker", [materialized])
        (packed,) = message.to_wire().values()
        assert len(packed) < 1.2 * len(picture)
