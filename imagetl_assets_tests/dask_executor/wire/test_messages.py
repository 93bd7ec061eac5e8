"""What travels from the workers to the run's process."""

from __future__ import annotations

import os

import pytest
from dagster import (
    AssetMaterialization,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    EventLogEntry,
)
from dagster._core.events import StepMaterializationData
from dagster._core.execution.plan.objects import StepSuccessData

from imagetl_assets.dask_executor.wire.messages import (
    MOST_COMPRESSED_BYTES,
    Begun,
    Ended,
    ForwardedEvent,
    Message,
    ProcessDied,
    Progress,
    Refused,
    StartedTwice,
    from_wire,
    to_wire,
)
from imagetl_assets.dask_executor.worker.forwarding import EventForwarder
from imagetl_assets_tests.dask_executor.replacements import needs_replacement

EVENT = ForwardedEvent({"event": "an event"}, None, None)
COMMON = (1, "an execution", "tcp://worker")


@pytest.mark.parametrize(
    "message",
    [
        Begun(*COMMON, [EVENT]),
        Progress(*COMMON, [EVENT], urgent=True),
        Ended(*COMMON, [EVENT], not_started=["a", "b"], alone=True),
        ProcessDied(*COMMON, [EVENT], reason="it was killed"),
        StartedTwice(*COMMON),
        Refused(*COMMON, reason="it has no code"),
        Refused(*COMMON, reason=""),
        Progress(*COMMON, [ForwardedEvent({"event": "x" * MOST_COMPRESSED_BYTES}, None, None)]),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_arrives_as_it_was_sent(message: Message) -> None:
    assert from_wire(to_wire(message)) == message


@pytest.mark.parametrize("other", [{"action": "add-worker"}, "text", None, {"dagster-refusal": 1}])
def test_what_is_no_message_is_left_alone(other: object) -> None:
    assert from_wire(other) is None


def test_a_refusal_can_be_read_by_another_version() -> None:
    """It holds plain values, as Dask's own packing takes them, and no pickle."""
    (plain,) = to_wire(Refused(*COMMON, reason="it has no code")).values()
    assert plain == (*COMMON, "it has no code")
    assert from_wire({"dagster-refusal": list(plain)}) == Refused(*COMMON, reason="it has no code")


@pytest.mark.parametrize(
    ("message", "waits"),
    [
        (Begun(*COMMON), False),
        (Progress(*COMMON), False),
        (Progress(*COMMON, urgent=True), True),
        (Ended(*COMMON), True),
        (ProcessDied(*COMMON), True),
        (StartedTwice(*COMMON), True),
        (Refused(*COMMON), True),
    ],
    ids=repr,
)
def test_what_somebody_waits_for_is_written_at_once(message: Message, waits: bool) -> None:
    assert message.can_wait is not waits


def _progress(text: str) -> Message:
    return Progress(*COMMON, [ForwardedEvent({"event": text}, None, None)])


def test_what_is_alike_is_compressed_and_what_is_large_is_not() -> None:
    (packed,) = to_wire(_progress("event " * 1000)).values()
    assert len(packed) < 500
    picture = os.urandom(MOST_COMPRESSED_BYTES // 2).hex()
    (packed,) = to_wire(_progress(picture)).values()
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


@needs_replacement("event-rows")
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
        (packed,) = to_wire(Progress(*COMMON, [materialized])).values()
        assert len(packed) < 1.2 * len(picture)
