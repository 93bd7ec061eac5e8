"""Captures what the steps of a batch print, for the compute logs in the UI."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from dagster import DagsterEvent

from imagetl_assets.dask_executor.dagster_internals.compute_logs import without_mirrors
from imagetl_assets.dask_executor.dagster_internals.names import (
    EngineEventData,
    create_compute_log_file_key,
    serializable_error_info_from_exc_info,
)

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.dagster_internals.names import PlanExecutionContext


@contextmanager
def captured_output(
    job_context: PlanExecutionContext,
) -> Iterator[Callable[[Sequence[str]], DagsterEvent]]:
    """Capture the process's output while open, as Dagster's `inner_plan_execution_iterator` does.

    Yields a function that makes the event which says of which steps the output is.
    """
    manager = job_context.instance.compute_log_manager
    log_key = manager.build_log_key_for_run(job_context.run_id, create_compute_log_file_key())
    with ExitStack() as stack:
        try:
            with without_mirrors():
                context = stack.enter_context(manager.capture_logs(log_key))
        except Exception:
            problem = _problem(job_context, "setting up")
            yield lambda step_keys: problem
        else:
            yield lambda step_keys: DagsterEvent.capture_logs(
                job_context, step_keys, log_key, context
            )
        try:
            stack.close()
        except Exception:
            _problem(job_context, "cleaning up")


def _problem(job_context: PlanExecutionContext, doing: str) -> DagsterEvent:
    error = serializable_error_info_from_exc_info(sys.exc_info())
    return DagsterEvent.engine_event(
        job_context, f"Exception while {doing} compute log capture", EngineEventData(error=error)
    )
