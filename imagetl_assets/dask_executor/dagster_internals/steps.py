"""What this package does by private functions and attributes of Dagster's execution of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dagster._core.execution.plan.execute_plan import _trigger_hook, dagster_event_sequence_for_step

if TYPE_CHECKING:
    from dagster import DagsterEvent

    from imagetl_assets.dask_executor.dagster_internals.names import (
        ActiveExecution,
        ExecutionStep,
        InstanceConcurrencyContext,
        KnownExecutionState,
        PlanExecutionContext,
        StepExecutionContext,
    )


def run_step(
    job_context: PlanExecutionContext,
    step: ExecutionStep,
    known_state: KnownExecutionState,
    before_code: Callable[[], object],
) -> Iterator[DagsterEvent]:
    """Yield the events of a step while it is run, and those of its hooks.

    `before_code` is called before any code of the step is run. Dagster's first event says that the
    step starts. If the step has inputs that are data, the second says that one of them was loaded.
    Both come before the step's own code.
    """
    step_context = job_context.for_step(step, known_state)
    has_data = any(not _is_nothing(step_context, one.name) for one in step.step_inputs)
    events: list[DagsterEvent] = []
    for event in dagster_event_sequence_for_step(step_context):
        if len(events) == int(has_data):
            before_code()
        events.append(event)
        yield event
    yield from _trigger_hook(step_context, events)


def forget_outputs(active: ActiveExecution, step: ExecutionStep) -> None:
    """Have the plan forget the dynamic outputs of a step that did not end, before it runs again."""
    active._prep_for_dynamic_outputs(step)


def free_slots(concurrency: InstanceConcurrencyContext) -> None:
    """Free the slots of pools that steps of the run still hold, when the run ends before they do.

    Dagster frees the slot of each step that it hears has ended, but not those of the others.
    """
    for step_key in list(concurrency._claims):
        concurrency.free_step(step_key)


def _is_nothing(step_context: StepExecutionContext, name: str) -> bool:
    return step_context.op_def.input_def_named(name).dagster_type.is_nothing
