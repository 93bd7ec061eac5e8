"""Runs the steps of a batch, one after the other."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster import DagsterError, DagsterEvent

from imagetl_assets.dask_executor.dagster_internals.names import (
    EngineEventData,
    ExecuteRunWithPlanIterable,
    ExecutionPlan,
    ExecutionStep,
    PlanExecutionContext,
    PlanExecutionContextManager,
    StepOutputHandle,
    create_execution_plan,
)
from imagetl_assets.dask_executor.dagster_internals.steps import run_step
from imagetl_assets.dask_executor.worker.compute_logs import CapturedOutput, captured_output

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.wire.tasks import Batch, RunSpec
    from imagetl_assets.dask_executor.worker.loaded_job import LoadedJob
    from imagetl_assets.dask_executor.worker.loading import LoadedInstance
    from imagetl_assets.dask_executor.worker.place import Place
    from imagetl_assets.dask_executor.worker.sender import Sender

BATCH_SECONDS = 1.0
"""A batch starts no further step after this time and hands back the rest.

So long steps are spread over the cluster, although nobody knows beforehand which steps are long."""


@dataclass(frozen=True)
class Setting:
    """What a process has for running steps.

    Attributes:
        job: that the steps are from.
        loaded: the run's instance.
        sender: by which it tells of the steps.
        place: the worker, for events.
        captured: where its output goes, if it is captured already. None: it is to be captured.
    """

    job: LoadedJob
    loaded: LoadedInstance
    sender: Sender
    place: Place
    captured: CapturedOutput | None = None


def run_steps_of_batch(spec: RunSpec, batch: Batch, setting: Setting) -> None:
    """Run the steps of a batch, as far as there is time, and tell how the batch has ended."""
    plan = _plan(spec, batch, setting.job)
    run = _BatchRun(batch.step_keys, plan, setting)
    sender = setting.sender
    events = ExecuteRunWithPlanIterable(
        execution_plan=plan,
        iterator=run.iterate,
        execution_context_manager=PlanExecutionContextManager(
            job=setting.job,
            retry_mode=spec.retry_mode.for_inner_plan(),
            execution_plan=plan,
            run_config=spec.run_config,
            dagster_run=spec.dagster_run,
            instance=setting.loaded.instance,
        ),
    )
    resources_started = True
    try:
        for event in events:  # Each event was logged, and so forwarded, before it comes out here.
            resources_started = resources_started and not event.is_resource_init_failure
    except DagsterError:
        if resources_started:
            raise
    except KeyboardInterrupt:
        pass  # No signal gets to this thread: a step's own code has raised it, and has failed.
    if resources_started and not run.has_to_be_split:
        sender.ended(not_started=run.not_started)
    elif len(batch.step_keys) == 1:
        sender.ended()
    else:  # Each step is run alone, as only some of them need the resource that matters.
        sender.drop_events()
        sender.ended(not_started=batch.step_keys, alone=True)


def _plan(spec: RunSpec, batch: Batch, job: LoadedJob) -> ExecutionPlan:
    known_state = batch.known_state._replace(
        step_output_versions=spec.step_output_versions, parent_state=spec.parent_state
    )
    return create_execution_plan(
        job,
        run_config=spec.run_config,
        step_keys_to_execute=batch.step_keys,
        known_state=known_state,
        repository_load_data=spec.repository_load_data,
    )


class _BatchRun:
    """Runs the steps of one batch in a plan's context.

    Attributes:
        not_started: keys of the steps that were not started so far.
        has_to_be_split: whether nothing was run, as the steps have to run in batches of their own.
    """

    def __init__(self, step_keys: Sequence[str], plan: ExecutionPlan, setting: Setting) -> None:
        self.not_started = list(step_keys)
        self.has_to_be_split = False
        self._known_state = plan.known_state
        self._keys = set(step_keys)
        self._succeeded: set[str] = set()
        self._outputs: set[StepOutputHandle] = set()  # of the steps that have succeeded
        self._setting = setting
        self._sender = setting.sender
        self._forwarder = setting.loaded.forwarder

    def iterate(
        self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Yield all events of the steps, in the form that ExecuteRunWithPlanIterable asks for.

        A resource may have left the thread pool, as `dask_client` does. A step without it, which
        leaves the pool by itself, could not run then.
        """
        if len(self.not_started) > 1 and _has_left_the_pool():
            self.has_to_be_split = True
            return
        steps = [execution_plan.get_executable_step_by_key(key) for key in self.not_started]
        with self._captured_output(job_context) as captured:
            if captured:
                yield captured.event(job_context, list(self.not_started))
            yield self._place_event(job_context)
            yield from self._run(steps, job_context)
            if captured and self.not_started:
                # The UI looks for the output of a step where the last such event says.
                run_keys = [step.key for step in steps[: -len(self.not_started)]]
                yield captured.event(job_context, run_keys)

    def _captured_output(
        self, job_context: PlanExecutionContext
    ) -> AbstractContextManager[CapturedOutput | None]:
        if self._setting.captured:
            return nullcontext(self._setting.captured)
        return captured_output(job_context.instance, job_context.dagster_run)

    def _run(
        self, steps: Sequence[ExecutionStep], job_context: PlanExecutionContext
    ) -> Iterator[DagsterEvent]:
        directory = os.getcwd()
        deadline = time.monotonic() + BATCH_SECONDS
        told = self._sender.begun()
        for number, step in enumerate(steps):
            if number and (time.monotonic() > deadline or _has_left_the_pool()):
                return  # What is left gets a new batch, on a thread of the pool.
            if not self._may_start(step):
                return
            del self.not_started[0]
            state = self._known_state
            state = state._replace(ready_outputs=state.ready_outputs | self._outputs)
            # No code of the step runs before what was told of the steps before it is safe.
            yield from self._noting_success(run_step(job_context, step, state, told.result))
            os.chdir(directory)  # The step may have gone elsewhere.
            if number + 1 < len(steps):
                # If the next step depends on this one, it waits until this is written.
                told = self._sender.progress(urgent=bool(self._steps_before(steps[number + 1])))

    def _may_start(self, step: ExecutionStep) -> bool:
        """Whether what the step depends on has succeeded here and is in the event log by now."""
        before = self._steps_before(step)
        if not (before <= self._succeeded and self._inputs(step) <= self._outputs):
            return False
        return not before or self._forwarder.wait_until_successful(before)

    def _noting_success(self, events: Iterator[DagsterEvent]) -> Iterator[DagsterEvent]:
        outputs = set()
        for event in events:
            if event.is_successful_output:
                outputs.add(event.step_output_data.step_output_handle)
            elif event.is_step_success:
                assert event.step_key is not None
                self._succeeded.add(event.step_key)
                self._outputs |= outputs
            yield event

    def _steps_before(self, step: ExecutionStep) -> set[str]:
        """Return those of this batch that have to succeed before the step."""
        return step.get_execution_dependency_keys() & self._keys

    def _inputs(self, step: ExecutionStep) -> set[StepOutputHandle]:
        """Return which outputs of the batch's other steps the step needs."""
        return {
            handle
            for step_input in step.step_inputs
            for handle in step_input.get_step_output_handle_dependencies()
            if handle.step_key in self._keys
        }

    def _place_event(self, job_context: PlanExecutionContext) -> DagsterEvent:
        """Write an event that says where the steps run, and return it."""
        place = self._setting.place
        count = len(self.not_started)
        how = "in a process of its own on" if place.is_process else "on"
        return DagsterEvent.engine_event(
            job_context,
            f"Running {count} step{'s' if count > 1 else ''} {how} {place.worker}",
            EngineEventData(
                {
                    "dask_worker": place.name,
                    "dask_worker_address": place.address,
                    "pid": str(os.getpid()),
                    "step_keys": str(self.not_started),
                }
            ),
        )


def _has_left_the_pool() -> bool:
    """Whether this thread has left the worker's thread pool, by `distributed.secede`."""
    from distributed.threadpoolexecutor import thread_state

    return not getattr(thread_state, "proceed", True)
