"""What is run again when a worker is lost, and when a step has lost too many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagster import DagsterEvent

from imagetl_assets.dask_executor.dagster_internals.names import (
    SerializableErrorInfo,
    StepFailureData,
)
from imagetl_assets.dask_executor.dagster_internals.steps import forget_outputs
from imagetl_assets.dask_executor.run.events import fail_or_retry

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.clusters.news import WorkerLost
    from imagetl_assets.dask_executor.dagster_internals.names import ExecutionStep
    from imagetl_assets.dask_executor.run.batches import BatchInFlight
    from imagetl_assets.dask_executor.run.state import RunState


def take_worker_loss(state: RunState, lost: WorkerLost) -> Iterator[DagsterEvent]:
    """Run again what a lost worker had not finished."""
    for batch in state.batches:
        if batch.worker == lost.address:
            yield from take_loss(state, batch, expected=lost.expected)


def take_loss(
    state: RunState, batch: BatchInFlight, expected: bool = False
) -> Iterator[DagsterEvent]:
    """Run again the steps of a batch whose worker is lost, as far as they have not ended.

    The step that was running goes into a batch of its own, as it may be what ended the worker. If
    more workers were lost with it than the config allows, it fails. An `expected` loss, of a worker
    that was retired, does not count.
    """
    state.drop(batch)
    steps = state.steps(batch.unfinished)
    if batch.worker is None or not steps:
        state.add_ready(steps)
        return
    running, *others = steps
    state.add_ready(others)
    forget_outputs(state.active, running)
    lost, most = state.losses[running.key], state.config.max_worker_losses
    if not expected:
        lost.append(batch.worker)
    if len(lost) > most:
        yield from _fail(state, running, f"Step {running.key} {_killed(lost)}.")
        return
    again = "" if expected else f" ({len(lost)} of at most {most} times)"
    yield state.engine_event(
        f"The Dask worker that ran step {running.key} was {'retired' if expected else 'lost'} "
        f"({batch.worker}). The step runs again{again}.",
        {"dask_worker_address": batch.worker},
        step=running,
    )
    state.add_ready([running], alone=True)


def take_process_death(
    state: RunState, batch: BatchInFlight, reason: str
) -> Iterator[DagsterEvent]:
    """Have the isolated step of a batch fail, or tried again by its `RetryPolicy`."""
    state.drop(batch, ended=True)
    for step in state.steps(batch.unfinished):
        yield fail_or_retry(state, step, SerializableErrorInfo(reason, [], "StepProcessDied"))


def losses_in_words(state: RunState) -> str:
    """Return a sentence for each step that was running when a worker was lost."""
    return "".join(f" Step {key} {_killed(lost)}." for key, lost in state.losses.items())


def _fail(state: RunState, step: ExecutionStep, why: str) -> Iterator[DagsterEvent]:
    error = SerializableErrorInfo(why, [], "DaskWorkerLost")
    event = DagsterEvent.step_failure_event(
        state.context.for_step(step), StepFailureData(error=error, user_failure_data=None)
    )
    yield event
    state.active.handle_event(event)


def _killed(workers: list[str]) -> str:
    return (
        f"was running on {len(workers)} Dask workers when they were lost ({', '.join(workers)}): "
        "it may need more memory than they have, or end the process"
    )
