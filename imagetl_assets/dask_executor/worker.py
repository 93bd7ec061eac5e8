"""The worker's part: run a batch of steps in a Dask worker process, one after the other."""

from __future__ import annotations

import asyncio
import ctypes
import os
import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

from dagster import DagsterError, DagsterEvent
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import EngineEventData
from dagster._core.execution.api import ExecuteRunWithPlanIterable, create_execution_plan
from dagster._core.execution.context.system import PlanExecutionContext, StepExecutionContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager

# The two functions that Dagster's own executors run a step and its hooks with.
from dagster._core.execution.plan.execute_plan import _trigger_hook, dagster_event_sequence_for_step
from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.plan.step import ExecutionStep
from distributed import Worker, get_worker

from imagetl_assets.dask_executor.compute_logs import captured_output
from imagetl_assets.dask_executor.events import EventForwarder, EventSender
from imagetl_assets.dask_executor.loading import (
    LoadedInstance,
    LoadedJob,
    load_instance,
    load_job,
)
from imagetl_assets.dask_executor.messages import Batch, RunSpec

# A batch starts no further step after this time and hands the rest back, so that long steps are
# spread over the cluster although nobody knows beforehand which steps are long.
BATCH_SECONDS = 1.0

# Dagster is not thread-safe, and its capture of compute logs redirects the whole process's output:
# a worker with several threads runs one batch at a time.
_one_batch_at_a_time = threading.Lock()

# Guards the next two.
_interrupts = threading.Lock()
_running_threads: dict[str, int] = {}  # run token -> thread that runs a batch of it
_interrupted_runs: OrderedDict[str, None] = OrderedDict()


class Refused(Exception):
    """This worker cannot run the job at all; the message says why and names the remedy."""


def run_batch(run_pickle: bytes, batch_pickle: bytes) -> None:
    """Run a pickled `Batch` of a pickled `RunSpec`; all that happens is told by messages.

    Runs as a Dask task. Dask starts it again if the worker is lost, which the second start
    notices and leaves alone: what is to be run again is for the run's process to say.
    """
    worker: Any = get_worker()  # its loop is typed as one without an asyncio loop
    spec = _run_spec(run_pickle)
    batch: Batch = pickle.loads(batch_pickle)
    sender = EventSender(worker, spec.topic, batch.number)
    try:
        with _one_batch_at_a_time, _interruptible(spec.token):
            claim = asyncio.run_coroutine_threadsafe(
                _claim(worker, spec.token, batch.number, sender.execution),
                worker.loop.asyncio_loop,
            )
            job, loaded = _load(spec, worker)
            if not claim.result():
                sender.send("twice")
                return
            with loaded.forwarder.forward(spec.dagster_run.run_id, sender):
                _run_steps_of_batch(spec, batch, job, loaded, sender)
    except Refused as refusal:
        sender.send("refused", text=str(refusal))
    except DagsterExecutionInterruptedError:
        sender.send("end")


def warm_up(pickled: bytes) -> None:
    """Load a job and an instance ahead of the first batch, which tells what is wrong if they fail.

    Args:
        pickled: a ReconstructableJob, its RepositoryLoadData or None, and an InstanceRef.
    """
    with suppress(Exception):
        job, load_data, instance_ref = pickle.loads(pickled)
        load_job(job, load_data)
        load_instance(instance_ref)


def interrupt(token: str) -> bool:
    """Interrupt the batch of a run that this process is running, and start none of it any more.

    Returns whether one was running. Runs on the event loop's thread (`Client.run`).
    """
    with _interrupts:
        _interrupted_runs[token] = None
        while len(_interrupted_runs) > 100:
            _interrupted_runs.popitem(last=False)
        thread = _running_threads.get(token)
        if thread is None:
            return False
        # Raises between two bytecodes of that thread; a call into C that blocks is not interrupted.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread), ctypes.py_object(DagsterExecutionInterruptedError)
        )
        return True


@lru_cache(maxsize=8)
def _run_spec(run_pickle: bytes) -> RunSpec:
    spec: RunSpec = pickle.loads(run_pickle)
    return spec


@contextmanager
def _interruptible(token: str) -> Iterator[None]:
    with _interrupts:
        if token in _interrupted_runs:
            raise DagsterExecutionInterruptedError()
        _running_threads[token] = threading.get_ident()
    try:
        yield
    finally:
        with _interrupts:
            _running_threads.pop(token, None)


async def _claim(worker: Worker, token: str, batch: int, execution: str) -> bool:
    """Whether this is the first start of the batch, by a note left with the scheduler.

    Uses the RPCs behind Client.get_metadata and Client.set_metadata.
    """
    keys = [token, batch]
    if await worker.scheduler.get_metadata(keys=keys, default=None) is not None:
        return False
    await worker.scheduler.set_metadata(keys=keys, value=execution)
    return True


def _name(worker: Worker) -> str:
    address = worker.address
    return address if worker.name == address else f"{worker.name} ({address})"


def _load(spec: RunSpec, worker: Worker) -> tuple[LoadedJob, LoadedInstance]:

    where = f"Dask worker {_name(worker)}"
    try:
        job = load_job(spec.job, spec.repository_load_data)
    except Exception as error:
        raise Refused(
            f"{where} cannot load job {spec.job.job_name!r}: {type(error).__name__}: {error}. "
            "Install the code of this run on the worker, or make it importable there."
        ) from error
    if spec.code_version != job.code_version and None not in (spec.code_version, job.code_version):
        raise Refused(
            f"{where} has another version of the code of job {spec.job.job_name!r} loaded than "
            f"the run's process ({job.code_version} instead of {spec.code_version}). "
            "Deploy the same code to both and restart the worker."
        )
    try:
        return job, load_instance(spec.instance_ref)
    except Exception as error:
        raise Refused(
            f"{where} cannot open the run's Dagster instance: {type(error).__name__}: {error}. "
            "Workers need access to the storage that dagster.yaml names."
        ) from error


def _run_steps_of_batch(
    spec: RunSpec, batch: Batch, job: LoadedJob, loaded: LoadedInstance, sender: EventSender
) -> None:
    known_state = batch.known_state._replace(
        step_output_versions=spec.step_output_versions, parent_state=spec.parent_state
    )
    plan = create_execution_plan(
        job,
        run_config=spec.run_config,
        step_keys_to_execute=batch.step_keys,
        known_state=known_state,
        repository_load_data=spec.repository_load_data,
    )
    run = _BatchRun(batch, plan, sender, loaded.forwarder)
    events = ExecuteRunWithPlanIterable(
        execution_plan=plan,
        iterator=run.iterate,
        execution_context_manager=PlanExecutionContextManager(
            job=job,
            retry_mode=spec.retry_mode.for_inner_plan(),
            execution_plan=plan,
            run_config=spec.run_config,
            dagster_run=spec.dagster_run,
            instance=loaded.instance,
        ),
    )
    resources_started = True
    try:
        for event in events:  # each was logged, and so forwarded, by the time it comes out here
            resources_started = resources_started and not event.is_resource_init_failure
    except DagsterError:
        if resources_started:
            raise
    except KeyboardInterrupt:
        pass  # raised by a step's own code: no signal gets to this thread; the step has failed
    if resources_started:
        sender.send("end", steps=run.not_started)
    elif len(batch.step_keys) == 1:
        sender.send("end")
    else:  # Which of the steps this concerns shows when each is run alone.
        sender.drop_events()
        sender.send("end", steps=batch.step_keys, alone=True)


class _BatchRun:
    """Runs the steps of one batch in a plan's context."""

    def __init__(
        self, batch: Batch, plan: ExecutionPlan, sender: EventSender, forwarder: EventForwarder
    ) -> None:
        self.not_started = list(batch.step_keys)
        self._known_state = plan.known_state
        self._keys = set(batch.step_keys)
        self._succeeded: set[str] = set()
        self._outputs: set[StepOutputHandle] = set()  # of those that have succeeded
        self._sender = sender
        self._forwarder = forwarder

    def iterate(
        self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """All events of the steps, in the form that ExecuteRunWithPlanIterable asks for."""
        directory = os.getcwd()
        deadline = time.monotonic() + BATCH_SECONDS
        steps = [execution_plan.get_executable_step_by_key(key) for key in self.not_started]
        with captured_output(job_context) as capture_event:
            yield capture_event(list(self.not_started))
            yield self._worker_event(job_context)
            told = self._sender.post("begun")
            for number, step in enumerate(steps):
                if number and time.monotonic() > deadline:
                    break
                before = self._steps_before(step)
                if not (before <= self._succeeded and self._inputs(step) <= self._outputs):
                    break
                # All that happened before a step is in the event log when it starts.
                if before and not self._forwarder.wait_until_written(before):
                    break
                del self.not_started[0]
                state = self._known_state
                state = state._replace(ready_outputs=state.ready_outputs | self._outputs)
                yield from self._noting_success(_run_step(job_context, step, state, told))
                os.chdir(directory)  # a step may have gone elsewhere
                if number + 1 < len(steps):
                    is_next = bool(self._steps_before(steps[number + 1]))
                    told = self._sender.post(urgent=is_next)
            if self.not_started:
                # The UI looks for a step's output where the first event says, unless corrected.
                yield capture_event([step.key for step in steps[: -len(self.not_started)]])

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
        """Those of this batch that have to succeed before the step."""
        return step.get_execution_dependency_keys() & self._keys

    def _inputs(self, step: ExecutionStep) -> set[StepOutputHandle]:
        """What the step needs of the batch's other steps."""
        return {
            handle
            for step_input in step.step_inputs
            for handle in step_input.get_step_output_handle_dependencies()
            if handle.step_key in self._keys
        }

    def _worker_event(self, job_context: PlanExecutionContext) -> DagsterEvent:
        worker = get_worker()
        count = len(self.not_started)
        return DagsterEvent.engine_event(
            job_context,
            f"Running {count} step{'s' if count > 1 else ''} on Dask worker {_name(worker)}",
            EngineEventData(
                {
                    "dask_worker": str(worker.name),
                    "dask_worker_address": worker.address,
                    "pid": str(os.getpid()),
                    "step_keys": str(self.not_started),
                }
            ),
        )


def _run_step(
    job_context: PlanExecutionContext,
    step: ExecutionStep,
    known_state: KnownExecutionState,
    told: Future[None],
) -> Iterator[DagsterEvent]:
    """Run a step; none of its own code before what was `told` of the others is safe."""
    step_context = job_context.for_step(step, known_state)
    # The first event says that the step starts, the next one that it has an input, if it has any.
    before_code = int(any(not _is_nothing(step_context, one.name) for one in step.step_inputs))
    events: list[DagsterEvent] = []
    for event in dagster_event_sequence_for_step(step_context):
        if len(events) == before_code:
            told.result()
        events.append(event)
        yield event
    yield from _trigger_hook(step_context, events)


def _is_nothing(step_context: StepExecutionContext, name: str) -> bool:
    return step_context.op_def.input_def_named(name).dagster_type.is_nothing
