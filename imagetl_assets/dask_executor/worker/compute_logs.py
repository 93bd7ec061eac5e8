"""Captures what the steps of a batch print, for the compute logs in the UI."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster import DagsterEvent, DagsterInstance, DagsterRun

from imagetl_assets.dask_executor.dagster_internals.compute_logs import without_mirrors
from imagetl_assets.dask_executor.dagster_internals.names import (
    EngineEventData,
    create_compute_log_file_key,
    serializable_error_info_from_exc_info,
)

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.dagster_internals.names import (
        CapturedLogContext,
        PlanExecutionContext,
    )


@dataclass(frozen=True)
class CapturedOutput:
    """Where captured output goes.

    Attributes:
        log_key: by which the compute log manager finds it.
        context: what the manager says of it.
    """

    log_key: Sequence[str]
    context: CapturedLogContext

    def event(self, job_context: PlanExecutionContext, step_keys: Sequence[str]) -> DagsterEvent:
        """Write an event which says that the output is of these steps, and return it."""
        event: DagsterEvent = DagsterEvent.capture_logs(
            job_context, step_keys, list(self.log_key), self.context
        )
        return event


@contextmanager
def captured_output(instance: DagsterInstance, run: DagsterRun) -> Iterator[CapturedOutput | None]:
    """Capture the process's output while open, as Dagster's `inner_plan_execution_iterator` does.

    Processes that are started meanwhile write there, too. If the output cannot be captured, there
    is an event of that, and None comes out.
    """
    manager = instance.compute_log_manager
    log_key = manager.build_log_key_for_run(run.run_id, create_compute_log_file_key())
    with ExitStack() as stack:
        try:
            with without_mirrors():
                context = stack.enter_context(manager.capture_logs(log_key))
        except Exception:
            _report_problem(instance, run, "setting up")
            yield None
        else:
            yield CapturedOutput(log_key, context)
        try:
            stack.close()
        except Exception:
            _report_problem(instance, run, "cleaning up")


def _report_problem(instance: DagsterInstance, run: DagsterRun, doing: str) -> None:
    error = serializable_error_info_from_exc_info(sys.exc_info())
    instance.report_engine_event(
        f"Exception while {doing} compute log capture", run, EngineEventData(error=error)
    )
