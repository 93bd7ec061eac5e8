"""What the events of a batch mean for the plan.

The events are in the event log already when they come here: `loop` writes those of all messages at
once before it looks at any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagster import DagsterEvent, DagsterEventType

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.dagster_internals.names import (
        ExecutionStep,
        SerializableErrorInfo,
    )
    from imagetl_assets.dask_executor.run.batches import BatchInFlight
    from imagetl_assets.dask_executor.run.state import RunState
    from imagetl_assets.dask_executor.wire.messages import Ended, Message

# Compared as texts: `DagsterEvent.is_step_success` and the like make an enum at each look.
_NO_RESOURCE = DagsterEventType.RESOURCE_INIT_FAILURE.value
_SUCCESS = DagsterEventType.STEP_SUCCESS.value
_ENDS = {
    _SUCCESS,
    DagsterEventType.STEP_FAILURE.value,
    DagsterEventType.STEP_UP_FOR_RETRY.value,
}


def take_events(state: RunState, batch: BatchInFlight, message: Message) -> Iterator[DagsterEvent]:
    """Yield the events of a message, and note what they say of the plan."""
    for forwarded in message.events:
        event = forwarded.dagster_event
        if event is None:
            continue
        yield event
        step_key = event.step_key
        if step_key is None:
            continue
        state.active.handle_event(event)
        if event.event_type_value == _NO_RESOURCE:
            event = _failure_or_retry(state, event)
            yield event
        if event.event_type_value in _ENDS:
            batch.unfinished.remove(step_key)
            if event.event_type_value == _SUCCESS and batch.following:
                _take_following(state, batch)


def take_end(state: RunState, batch: BatchInFlight, message: Ended) -> None:
    """Take back the steps that the worker has not started; the others have to have ended."""
    state.drop(batch, ended=True)
    handed_back = [key for key in batch.unfinished if key in message.not_started]
    state.add_ready(state.steps(handed_back), alone=message.alone)
    for key in batch.unfinished:
        if key not in handed_back:
            state.active.verify_complete(state.context, key)


def _take_following(state: RunState, batch: BatchInFlight) -> None:
    """Note that the worker goes on with the next step of its row, if the plan gives it out."""
    ready = state.active.get_steps_to_execute()
    if any(step.key == batch.following[0] for step in ready):
        batch.unfinished.append(batch.following.pop(0))
    state.add_ready([step for step in ready if step.key not in batch.unfinished])


def fail_or_retry(
    state: RunState, step: ExecutionStep, error: SerializableErrorInfo
) -> DagsterEvent:
    """Have a step fail, or tried again by its `RetryPolicy`; return the event that says so."""
    event = state.context.executor.log_failure_or_retry_event_after_error(
        state.context.for_step(step), error, state.active.get_known_state()
    )
    state.active.handle_event(event)
    return event


def _failure_or_retry(state: RunState, init_failure: DagsterEvent) -> DagsterEvent:
    """Return what it means for a step that its resources could not be started."""
    assert init_failure.step_key is not None
    error = init_failure.engine_event_data.error
    assert error is not None
    return fail_or_retry(state, state.active.get_step_by_key(init_failure.step_key), error)
