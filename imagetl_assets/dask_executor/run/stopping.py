"""What happens when a run is interrupted: its steps are interrupted, too, and it ends as canceled.

Steps that run Python code get a `DagsterExecutionInterruptedError` and have `INTERRUPT_SECONDS` to
end. A worker whose step has not ended by then, because it is in one long call into C, is started
anew by its nanny, if it has one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from dagster import DagsterEvent, DagsterRunStatus

from imagetl_assets.dask_executor.dagster_internals.names import (
    DagsterExecutionInterruptedError,
    EngineEventData,
)
from imagetl_assets.dask_executor.wire.messages import Ended, Message, ProcessDied

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.clusters.news import News
    from imagetl_assets.dask_executor.run.state import RunState

INTERRUPT_SECONDS = 1.5
RESTART_SECONDS = 2.0
TURN_SECONDS = 0.25


def stop(
    state: RunState, token: str, write: Callable[[Sequence[News]], None]
) -> Iterator[DagsterEvent]:
    """Stop all steps, tell Dagster that the run is to be canceled, and raise.

    Args:
        state: of the run.
        token: of this execution of the run.
        write: writes the events of messages into the event log.

    Raises:
        DagsterExecutionInterruptedError: always, at the end.
    """
    _report_canceling(state)
    state.active.mark_interrupted()
    keys = state.batches.step_keys()
    yield DagsterEvent.engine_event(
        state.context,
        f"Stopping: {len(keys)} steps on Dask are interrupted or cancelled",
        EngineEventData.interrupted(keys),
    )
    for batch in state.batches:
        if batch.worker is None:
            state.drop(batch)
    state.cluster.interrupt(token, patience=INTERRUPT_SECONDS)
    yield from _wait_for_interrupted_steps(state, write)
    stuck = sorted({batch.worker for batch in state.batches if batch.worker})
    for batch in state.batches:
        state.drop(batch)
    if stuck:
        yield state.engine_event(
            "Restarting Dask workers whose step did not react to the interrupt: " + ", ".join(stuck)
        )
        state.cluster.restart_workers(stuck, patience=RESTART_SECONDS)
    raise DagsterExecutionInterruptedError()


def _report_canceling(state: RunState) -> None:
    """Have the run end as canceled also if it was a signal that came, without a request."""
    instance, run = state.context.instance, state.context.dagster_run
    status = instance.get_run_by_id(run.run_id)
    if status and status.status == DagsterRunStatus.STARTED:
        instance.report_run_canceling(run, "Received a signal to stop.")


def _wait_for_interrupted_steps(
    state: RunState, write: Callable[[Sequence[News]], None]
) -> Iterator[DagsterEvent]:
    deadline = time.monotonic() + INTERRUPT_SECONDS
    while state.batches and time.monotonic() < deadline:
        all_news = state.cluster.news(timeout=TURN_SECONDS)
        write(all_news)
        for news in all_news:
            if not isinstance(news, Message):
                continue
            batch = state.batches.of(news)
            if batch is None:
                continue
            for event in filter(None, (each.dagster_event for each in news.events)):
                yield event
                if event.step_key in batch.unfinished:
                    # So Dagster learns which steps have ended, and frees their slots of pools.
                    state.active.handle_event(event)
            if isinstance(news, Ended | ProcessDied):
                state.drop(batch)
