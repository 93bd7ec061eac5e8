"""The executor: drives a run's plan from the run's process, and lets Dask run the steps.

The loop of a run: take the steps that are ready, hand them to Dask in batches, take the events
that come back, write them to the event log, note what they say of the plan; all over again, until
the plan is complete.
"""

from __future__ import annotations

import logging
import pickle
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from dagster import (
    DagsterEvent,
    DagsterEventType,
    Executor,
    MetadataValue,
    executor,
    multiple_process_executor_requirements,
)
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import EngineEventData
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.execution.retries import RetryMode
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster._core.storage.tags import GLOBAL_CONCURRENCY_TAG
from dagster_shared.error import SerializableErrorInfo
from distributed import CancelledError, KilledWorker

from imagetl_assets.dask_executor import startup_check
from imagetl_assets.dask_executor.batches import BatchInFlight, Needs, ReadySteps, state_for_steps
from imagetl_assets.dask_executor.cluster import (
    Cluster,
    DaskClusterError,
    News,
    TaskOver,
    WorkerAnswered,
    WorkerLost,
    open_cluster,
)
from imagetl_assets.dask_executor.config import CONFIG_SCHEMA, ExecutorConfig
from imagetl_assets.dask_executor.database import be_patient
from imagetl_assets.dask_executor.events import EventWriter
from imagetl_assets.dask_executor.followers import Followers
from imagetl_assets.dask_executor.loading import code_version
from imagetl_assets.dask_executor.lookups import remember_schema
from imagetl_assets.dask_executor.messages import Batch, Message, RunSpec
from imagetl_assets.dask_executor.reexecution import with_steps_never_started
from imagetl_assets.dask_executor.sqlite import make_sqlite_fast

if TYPE_CHECKING:
    from dagster import InitExecutorContext
    from dagster._core.definitions.repository_definition import RepositoryLoadData
    from dagster._core.execution.context.system import PlanOrchestrationContext
    from dagster._core.execution.plan.plan import ExecutionPlan
    from dagster._core.execution.plan.state import KnownExecutionState
    from dagster._core.execution.plan.step import ExecutionStep, IExecutionStep

TURN_SECONDS = 0.25  # the loop looks at interrupts and time limits at least this often
BATCHES_PER_WORKER = 2  # one that runs, and one that waits for it at the worker
INTERRUPT_SECONDS = 1.5  # for running steps to end when they are interrupted, before ...
RESTART_SECONDS = 2.0  # ... the workers that still run one are restarted
LAST_WORDS_SECONDS = 10.0  # between Dask's word that a task is over and the task's own


@executor(
    name="dask",
    config_schema=CONFIG_SCHEMA,
    requirements=multiple_process_executor_requirements(),
)
def dask_executor(init_context: InitExecutorContext) -> DaskExecutor:
    """Runs the steps of a job on a Dask cluster.

    A drop-in for the executor of dagster-dask, whose config it takes. Example:

    .. code-block:: python

        from dagster import job
        from imagetl_assets.dask_executor import dask_executor

        @job(executor_def=dask_executor)
        def my_job(): ...

    With the run config ``{"execution": {"config": {"cluster": {"existing": {"address":
    "tcp://scheduler:8786"}}}}}`` the steps run on that cluster, without on a local one that is
    started for the run and stopped after it.
    """
    return DaskExecutor(ExecutorConfig.from_config(init_context.executor_config))


class DaskExecutor(Executor):
    """Executes plans on a Dask cluster. Config: see `ExecutorConfig`."""

    def __init__(self, config: ExecutorConfig) -> None:
        self._config = config

    @property
    def retries(self) -> RetryMode:
        """Whether steps that ask for a retry get one."""
        return self._config.retries

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Execute all steps of a plan; yields their events, which are in the event log by then.

        Raises:
            DaskClusterError: the cluster cannot be used, or its scheduler was lost.
            DagsterExecutionInterruptedError: the run was asked to stop.
        """
        config = self._config
        make_sqlite_fast()
        be_patient(plan_context.instance)
        remember_schema(plan_context.instance)
        execution_plan = with_steps_never_started(plan_context, execution_plan)
        with ExitStack() as stack:
            cluster = stack.enter_context(
                open_cluster(
                    config.cluster_kind,
                    config.cluster_options,
                    plan_context.job_name,
                    warm_up_source(plan_context, execution_plan.repository_load_data),
                    config.worker_timeout,
                )
            )
            concurrency = stack.enter_context(
                InstanceConcurrencyContext(plan_context.instance, plan_context.dagster_run)
            )
            active = stack.enter_context(
                ActiveExecution(
                    execution_plan,
                    retry_mode=config.retries,
                    tag_concurrency_limits=config.tag_concurrency_limits,
                    instance_concurrency_context=concurrency,
                )
            )
            run = _Run(config, plan_context, execution_plan, cluster, active)
            try:
                yield run.start_event()
                yield from run.events()
            finally:
                run.close()


class _Run:
    """One execution of a plan."""

    def __init__(
        self,
        config: ExecutorConfig,
        context: PlanOrchestrationContext,
        plan: ExecutionPlan,
        cluster: Cluster,
        active: ActiveExecution,
    ) -> None:
        self._config = config
        self._context = context
        self._cluster = cluster
        self._active = active
        self._writer = EventWriter(context.instance, context.run_id)
        self._token = uuid.uuid4().hex
        self._run_pickle = pickle.dumps(self._spec(plan), protocol=5)
        # Steps that hold a slot of a pool or a limit must not wait here for a worker.
        self._limited = bool(config.tag_concurrency_limits) or any(map(_is_in_pool, plan.steps))
        self._followers = Followers(plan)
        self._ready = ReadySteps()
        self._batches: dict[int, BatchInFlight] = {}
        self._submitted = 0
        self._losses: dict[str, list[str]] = defaultdict(list)  # step -> workers lost with it
        self._no_worker_since: float | None = None
        cluster.ask_workers(startup_check.question(config.same_environment))

    def start_event(self) -> DagsterEvent:
        """Says where the run's steps will be run."""
        count = self._cluster.size
        return DagsterEvent.engine_event(
            self._context,
            f"Running steps on the Dask cluster at {self._cluster.address}, {count} workers",
            EngineEventData(
                {
                    "dask_scheduler": self._cluster.address,
                    "dask_dashboard": MetadataValue.url(self._cluster.dashboard),
                }
            ),
        )

    def events(self) -> Iterator[DagsterEvent]:
        """The loop."""
        while self._batches or not self._active.is_complete:
            if self._active.check_for_interrupts():
                yield from self._stop()
            yield from self._submit_ready_steps()
            all_news = self._cluster.news(timeout=self._turn_seconds())
            self._write_events(all_news)
            for news in all_news:
                match news:
                    case Message():
                        yield from self._take_message(news)
                    case WorkerLost():
                        yield from self._take_worker_loss(news)
                    case TaskOver():
                        yield from self._take_task_end(news)
                    case WorkerAnswered():
                        yield from self._take_answer(news)
            yield from self._check_time_limits()
            yield from self._active.plan_events_iterator(self._context)

    def close(self) -> None:
        """Leave nothing running and nothing behind on the cluster."""
        if self._batches:
            self._cluster.interrupt(self._token, patience=INTERRUPT_SECONDS)
        self._cluster.close_run(self._token)

    # Ready steps

    def _submit_ready_steps(self) -> Iterator[DagsterEvent]:
        in_flight = sum(len(batch.unfinished) for batch in self._batches.values())
        waiting = in_flight + len(self._ready)
        limit = max(0, self._slots - waiting) if self._limited else None
        if limit != 0:
            self._ready.add(self._active.get_steps_to_execute(limit), self._slots)
            yield from self._active.concurrency_event_iterator(self._context)
        most = self._config.max_concurrent or self._slots * BATCHES_PER_WORKER
        if not self._ready or len(self._batches) >= most:
            return
        state = self._active.get_known_state()
        while self._ready and len(self._batches) < most:
            needs, steps, alone = self._ready.take()
            # To run what follows on a lone step where it ran spares a round trip for each.
            follows = len(steps) == 1 and not alone and not self._limited
            self._submit(needs, steps, self._followers.of(steps[0]) if follows else [], state)

    def _submit(
        self,
        needs: Needs,
        steps: list[ExecutionStep],
        following: list[ExecutionStep],
        state: KnownExecutionState,
    ) -> None:
        self._submitted += 1
        number = self._submitted
        all_steps = [*steps, *following]
        batch = Batch(number, [step.key for step in all_steps], state_for_steps(state, all_steps))
        self._batches[number] = BatchInFlight(
            number, needs, [step.key for step in steps], [step.key for step in following]
        )
        self._cluster.submit(
            number,
            self._token,
            (self._run_pickle, pickle.dumps(batch, protocol=5)),
            priority=needs.priority,
            resources=dict(needs.resources),
        )

    # News of batches

    def _write_events(self, all_news: Sequence[News]) -> None:
        """Write the events of all messages at once: a transaction costs more than what is in it."""
        self._writer.write(
            [
                event
                for news in all_news
                if isinstance(news, Message) and self._listens_to(news)
                for event in news.events
            ]
        )

    def _listens_to(self, message: Message) -> bool:
        """False for words of a worker that was taken for lost."""
        batch = self._batches.get(message.batch)
        if batch is None:
            return False
        if batch.execution is None and message.kind != "twice":
            batch.execution = message.execution
        return message.kind == "twice" or batch.execution == message.execution

    def _take_message(self, message: Message) -> Iterator[DagsterEvent]:
        if not self._listens_to(message):
            return
        batch = self._batches[message.batch]
        if message.kind == "twice":
            yield from self._take_loss(batch)
            return
        yield from self._take_events(batch, message)
        if message.kind == "begun":
            batch.worker = message.worker
        elif message.kind == "end":
            self._take_end(batch, message)
        elif message.kind == "refused":
            raise DaskClusterError(message.text)

    def _take_events(self, batch: BatchInFlight, message: Message) -> Iterator[DagsterEvent]:
        for forwarded in message.events:
            event = forwarded.dagster_event
            if event is None:
                continue
            yield event
            step_key = event.step_key
            if step_key is None:
                continue
            self._active.handle_event(event)
            if event.is_resource_init_failure:
                event = self._failure_or_retry(event)
                yield event
                self._active.handle_event(event)
            if event.is_step_failure or event.is_step_success or event.is_step_up_for_retry:
                batch.unfinished.remove(step_key)
                if event.is_step_success and batch.following:
                    self._take_following(batch)

    def _take_following(self, batch: BatchInFlight) -> None:
        """Note that the worker goes on with the next step, if the plan says as much."""
        ready = self._active.get_steps_to_execute()
        if any(step.key == batch.following[0] for step in ready):
            batch.unfinished.append(batch.following.pop(0))
        self._ready.add([step for step in ready if step.key not in batch.unfinished], self._slots)

    def _take_end(self, batch: BatchInFlight, message: Message) -> None:
        self._drop(batch)
        handed_back = [key for key in batch.unfinished if key in message.steps]
        steps = [self._active.get_step_by_key(key) for key in handed_back]
        self._ready.add(steps, self._slots, alone=message.alone)
        for key in batch.unfinished:
            if key not in handed_back:
                self._active.verify_complete(self._context, key)

    def _take_task_end(self, end: TaskOver) -> Iterator[DagsterEvent]:
        batch = self._batches.get(end.batch)
        if batch is None:
            return
        if end.error is None:
            batch.over_since = time.monotonic()
        elif isinstance(end.error, KilledWorker):
            yield from self._take_loss(batch)
        elif isinstance(end.error, CancelledError):
            self._cluster.check(self._config.worker_timeout)  # says so if the scheduler was lost
            yield from self._take_loss(batch)
        else:
            raise DaskClusterError(
                f"Dask could not run {_named(batch.unfinished)}: "
                f"{type(end.error).__name__}: {end.error}. The scheduler and all workers need "
                "the same versions of Python, dagster and dask, and the code of this run."
            ) from end.error

    # Workers that differ

    def _take_answer(self, answered: WorkerAnswered) -> Iterator[DagsterEvent]:
        warning = startup_check.warning(
            answered.address, answered.answer, self._config.same_environment
        )
        if warning is not None:
            event = DagsterEvent(
                event_type_value=DagsterEventType.ENGINE_EVENT.value,
                job_name=self._context.job_name,
                message=warning,
                event_specific_data=EngineEventData({"dask_worker_address": answered.address}),
            )
            self._context.log.log_dagster_event(logging.WARNING, warning, event)
            yield event

    # Losses

    def _take_worker_loss(self, lost: WorkerLost) -> Iterator[DagsterEvent]:
        for batch in list(self._batches.values()):
            if batch.worker == lost.address:
                yield from self._take_loss(batch, expected=lost.expected)

    def _take_loss(self, batch: BatchInFlight, expected: bool = False) -> Iterator[DagsterEvent]:
        """Run again what a lost worker had not finished; the step that it was at, alone.

        An `expected` loss, of a worker that was retired, is not held against that step.
        """
        self._drop(batch)
        steps = [self._active.get_step_by_key(key) for key in batch.unfinished]
        if batch.worker is None or not steps:
            self._ready.add(steps, self._slots)
            return
        running, *others = steps
        self._ready.add(others, self._slots)
        # Its outputs so far do not count: as at the start of any step.
        self._active._prep_for_dynamic_outputs(running)
        lost, most = self._losses[running.key], self._config.max_worker_losses
        if not expected:
            lost.append(batch.worker)
        if len(lost) > most:
            yield from self._fail(running, f"Step {running.key} {_killed(lost)}.")
            return
        again = "" if expected else f" ({len(lost)} of at most {most} times)"
        yield DagsterEvent.engine_event(
            self._context.for_step(running),
            f"The Dask worker that ran step {running.key} was {'retired' if expected else 'lost'} "
            f"({batch.worker}). The step runs again{again}.",
            EngineEventData({"dask_worker_address": batch.worker}),
        )
        self._ready.add([running], self._slots, alone=True)

    def _fail(self, step: ExecutionStep, why: str) -> Iterator[DagsterEvent]:
        event = DagsterEvent.step_failure_event(
            self._context.for_step(step),
            StepFailureData(
                error=SerializableErrorInfo(why, [], "DaskWorkerLost"), user_failure_data=None
            ),
        )
        yield event
        self._active.handle_event(event)

    # Time limits

    def _check_time_limits(self) -> Iterator[DagsterEvent]:
        patience = self._config.worker_timeout
        self._cluster.check(patience)
        now = time.monotonic()
        for batch in list(self._batches.values()):
            if batch.over_since is not None and now - batch.over_since > LAST_WORDS_SECONDS:
                yield from self._take_loss(batch)
            elif batch.worker is None and now - batch.submitted > patience:
                self._check_resources(batch)
        if self._cluster.workers or not self._batches:
            self._no_worker_since = None
        elif self._no_worker_since is None:
            self._no_worker_since = now
        elif now - self._no_worker_since > patience:
            raise DaskClusterError(
                f"The Dask scheduler at {self._cluster.address} has had no worker for "
                f"{patience:.0f} s. Start some (`dask worker {self._cluster.address}`) and "
                f"re-execute the run from failure.{self._told_losses()}"
            )

    def _check_resources(self, batch: BatchInFlight) -> None:
        offers = [worker.get("resources", {}) for worker in self._cluster.workers.values()]
        needs = dict(batch.needs.resources)
        if offers and not any(
            all(offer.get(name, 0) >= amount for name, amount in needs.items()) for offer in offers
        ):
            raise DaskClusterError(
                f"No Dask worker offers the resources {needs} that {_named(batch.unfinished)} "
                "requires. Start one with `dask worker --resources`, or change the step's tag."
            )

    def _told_losses(self) -> str:
        return "".join(f" Step {key} {_killed(lost)}." for key, lost in self._losses.items())

    # Interrupts

    def _stop(self) -> Iterator[DagsterEvent]:
        """Stop all steps, tell Dagster that the run is to be canceled, and raise."""
        instance, run = self._context.instance, self._context.dagster_run
        status = instance.get_run_by_id(run.run_id)
        if status and status.status == DagsterRunStatus.STARTED:
            # A signal without a request by the UI: the run ends as canceled all the same.
            instance.report_run_canceling(run, "Received a signal to stop.")
        self._active.mark_interrupted()
        keys = [key for batch in self._batches.values() for key in batch.unfinished]
        yield DagsterEvent.engine_event(
            self._context,
            f"Stopping: {len(keys)} steps on Dask are interrupted or cancelled",
            EngineEventData.interrupted(keys),
        )
        for batch in list(self._batches.values()):
            if batch.worker is None:
                self._drop(batch)
        self._cluster.interrupt(self._token, patience=INTERRUPT_SECONDS)
        yield from self._wait_for_interrupted_steps()
        stuck = sorted({batch.worker for batch in self._batches.values() if batch.worker})
        for batch in list(self._batches.values()):
            self._drop(batch)
        if stuck:
            yield DagsterEvent.engine_event(
                self._context,
                "Restarting Dask workers whose step did not react to the interrupt: "
                + ", ".join(stuck),
                EngineEventData(),
            )
            self._cluster.restart_workers(stuck, patience=RESTART_SECONDS)
        raise DagsterExecutionInterruptedError()

    def _wait_for_interrupted_steps(self) -> Iterator[DagsterEvent]:
        deadline = time.monotonic() + INTERRUPT_SECONDS
        while self._batches and time.monotonic() < deadline:
            all_news = self._cluster.news(timeout=TURN_SECONDS)
            self._write_events(all_news)
            for news in all_news:
                if not isinstance(news, Message) or not self._listens_to(news):
                    continue
                for event in news.events:
                    if event.dagster_event is not None:
                        yield event.dagster_event
                if news.kind == "end":
                    self._drop(self._batches[news.batch])

    def _failure_or_retry(self, init_failure: DagsterEvent) -> DagsterEvent:
        """What a failed start of a step's resources means for the step."""
        assert init_failure.step_key is not None
        error = init_failure.engine_event_data.error
        assert error is not None
        return self._context.executor.log_failure_or_retry_event_after_error(
            self._context.for_step(self._active.get_step_by_key(init_failure.step_key)),
            error,
            self._active.get_known_state(),
        )

    # Small parts

    @property
    def _slots(self) -> int:
        """How many steps can run at a time: a worker process runs one."""
        workers = self._cluster.size
        return min(workers, self._config.max_concurrent or workers)

    def _turn_seconds(self) -> float:
        until_ready = self._active.sleep_interval()
        return min(until_ready, TURN_SECONDS) if until_ready > 0 else TURN_SECONDS

    def _drop(self, batch: BatchInFlight) -> None:
        del self._batches[batch.number]
        self._cluster.forget(batch.number)

    def _spec(self, plan: ExecutionPlan) -> RunSpec:
        context = self._context
        job = context.reconstructable_job
        return RunSpec(
            token=self._token,
            topic=self._cluster.topic,
            job=job,
            # Steps look up there which inputs are from the parent run.
            dagster_run=context.dagster_run._replace(
                step_keys_to_execute=context.dagster_run.step_keys_to_execute
                and plan.step_keys_to_execute
            ),
            run_config=context.run_config,
            instance_ref=context.instance.get_ref(),
            retry_mode=self._config.retries,
            repository_load_data=plan.repository_load_data,
            step_output_versions=plan.known_state.step_output_versions,
            parent_state=plan.known_state.parent_state,
            code_version=code_version(job.repository.pointer),
        )


def warm_up_source(context: PlanOrchestrationContext, load_data: RepositoryLoadData | None) -> str:
    """Python source that loads what the steps of a run need of Dagster, and never fails."""
    pickled = pickle.dumps((context.reconstructable_job, load_data, context.instance.get_ref()))
    return f"from imagetl_assets.dask_executor.worker import warm_up; warm_up({pickled!r})"


def _is_in_pool(step: IExecutionStep) -> bool:
    """Whether it waits for a slot of a pool, or of what pools were before they had that name."""
    return bool(step.pool or (step.tags or {}).get(GLOBAL_CONCURRENCY_TAG))


def _named(keys: list[str]) -> str:
    shown = ", ".join(keys[:3])
    return f"step {shown}" if len(keys) == 1 else f"{len(keys)} steps ({shown}, ...)"


def _killed(workers: list[str]) -> str:
    return (
        f"was running on {len(workers)} Dask workers when they were lost ({', '.join(workers)}): "
        "it may need more memory than they have, or end the process"
    )
