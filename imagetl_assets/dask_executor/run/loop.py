"""The loop of a run.

At each turn, it hands the steps that are ready to Dask in batches, takes the news that have come
back, writes the events among them into the event log, and notes what they say of the plan. It ends
when the plan is complete.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from dagster import DagsterEvent, DagsterEventType, MetadataValue
from distributed import CancelledError, KilledWorker

from imagetl_assets.dask_executor.clusters.errors import DaskClusterError
from imagetl_assets.dask_executor.clusters.news import News, TaskOver, WorkerAnswered, WorkerLost
from imagetl_assets.dask_executor.dagster_internals.names import EngineEventData
from imagetl_assets.dask_executor.run import worker_check
from imagetl_assets.dask_executor.run.event_writer import EventWriter
from imagetl_assets.dask_executor.run.events import take_end, take_events
from imagetl_assets.dask_executor.run.losses import take_loss, take_process_death, take_worker_loss
from imagetl_assets.dask_executor.run.report import store_report
from imagetl_assets.dask_executor.run.state import named
from imagetl_assets.dask_executor.run.stopping import INTERRUPT_SECONDS, stop
from imagetl_assets.dask_executor.run.submitting import Submitter
from imagetl_assets.dask_executor.run.time_limits import TimeLimits
from imagetl_assets.dask_executor.wire.messages import (
    Begun,
    Ended,
    ForwardedEvent,
    Message,
    ProcessDied,
    Progress,
    Refused,
    StartedTwice,
)

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.dagster_internals.names import ExecutionPlan
    from imagetl_assets.dask_executor.run.state import RunState

TURN_SECONDS = 0.25
"""The loop looks at interrupts and time limits at least this often."""


class Run:
    """One execution of a plan."""

    def __init__(self, state: RunState, plan: ExecutionPlan) -> None:
        self._state = state
        self._submitter = Submitter(state, plan)
        self._time_limits = TimeLimits(state)
        self._writer = EventWriter(state.context.instance, state.context.run_id)
        if state.config.performance_report:
            state.cluster.begin_report()
        state.cluster.ask_workers(worker_check.question(state.config.same_environment))

    def start_event(self) -> DagsterEvent:
        """Write an event that says where the run's steps are run, and return it."""
        cluster = self._state.cluster
        return self._state.engine_event(
            f"Running steps on the Dask cluster at {cluster.address}, {cluster.size} workers",
            {
                "dask_scheduler": cluster.address,
                "dask_dashboard": MetadataValue.url(cluster.dashboard),
            },
        )

    def events(self) -> Iterator[DagsterEvent]:
        """Run all steps; yield their events, which are in the event log by then.

        Raises:
            DaskClusterError: the cluster was lost, or cannot run the job.
            DagsterExecutionInterruptedError: the run was asked to stop.
        """
        state = self._state
        while state.batches or not state.active.is_complete:
            if state.active.check_for_interrupts():
                yield from stop(state, self._submitter.token, self._write_events)
            yield from self._submitter.submit_ready_steps()
            all_news = state.cluster.news(timeout=self._turn_seconds())
            self._write_events(all_news)
            for news in all_news:
                yield from self._take(news)
            yield from self._time_limits.check()
            yield from state.active.plan_events_iterator(state.context)

    @cached_property
    def _own_facts(self) -> worker_check.Facts:
        return worker_check.facts(self._state.config.same_environment)

    def report(self) -> Iterator[DagsterEvent]:
        """Store Dask's performance report of the run."""
        return store_report(self._state)

    def close(self) -> None:
        """Leave nothing running and nothing behind on the cluster."""
        if self._state.batches:
            self._state.cluster.interrupt(self._submitter.token, patience=INTERRUPT_SECONDS)
        self._state.cluster.close_run(self._submitter.token)

    def _turn_seconds(self) -> float:
        until_ready = self._state.active.sleep_interval()
        return min(until_ready, TURN_SECONDS) if until_ready > 0 else TURN_SECONDS

    def _write_events(self, all_news: Sequence[News]) -> None:
        """Write the events of all messages at once: a transaction costs more than what is in it.

        What is ignored later is not written either: messages that follow on the loss of their
        worker or task. Workers that wait for their events are told.
        """
        events: list[ForwardedEvent] = []
        lost: set[str | int] = set()
        for news in all_news:
            match news:
                case WorkerLost(address=address):
                    lost.add(address)
                case TaskOver(batch=number, error=BaseException()) | StartedTwice(batch=number):
                    lost.add(number)
                case Message(batch=number, worker=address) if not lost & {number, address}:
                    self._state.batches.note_start(news)
                    if self._state.batches.of(news):
                        events += news.events
        self._writer.write(events)
        for news in all_news:
            if isinstance(news, Progress) and news.question:
                self._state.cluster.note(self._submitter.token, news.execution, news.question)

    def _take(self, news: News) -> Iterator[DagsterEvent]:
        match news:
            case Message():
                yield from self._take_message(news)
            case WorkerLost():
                yield from take_worker_loss(self._state, news)
            case TaskOver():
                yield from self._take_task_end(news)
            case WorkerAnswered():
                yield from self._take_answer(news)

    def _take_message(self, message: Message) -> Iterator[DagsterEvent]:
        batch = self._state.batches.of(message)
        if batch is None:
            return
        if isinstance(message, StartedTwice):
            yield from take_loss(self._state, batch)
            return
        yield from take_events(self._state, batch, message)
        match message:
            case Begun():
                batch.worker = message.worker
            case Ended():
                take_end(self._state, batch, message)
            case ProcessDied():
                yield from take_process_death(self._state, batch, message.reason)
            case Refused():
                raise DaskClusterError(message.reason)

    def _take_task_end(self, end: TaskOver) -> Iterator[DagsterEvent]:
        batch = self._state.batches.get(end.batch)
        if batch is None:
            return
        if end.error is None:
            batch.over_since = time.monotonic()
        elif isinstance(end.error, KilledWorker):
            yield from take_loss(self._state, batch)
        elif isinstance(end.error, CancelledError):
            # All tasks are cancelled if the scheduler was lost, and then this says so.
            self._state.cluster.check(self._state.config.worker_timeout)
            yield from take_loss(self._state, batch)
        else:
            raise DaskClusterError(
                f"Dask could not run {named(batch.unfinished)}: "
                f"{type(end.error).__name__}: {end.error}. The scheduler and all workers need "
                "the same versions of Python, dagster and dask, and the code of this run."
            ) from end.error

    def _take_answer(self, answered: WorkerAnswered) -> Iterator[DagsterEvent]:
        """Warn of a worker that differs from the run's process."""
        warning = worker_check.warning(answered.address, answered.answer, self._own_facts)
        if warning is not None:
            event = DagsterEvent(
                event_type_value=DagsterEventType.ENGINE_EVENT.value,
                job_name=self._state.context.job_name,
                message=warning,
                event_specific_data=EngineEventData({"dask_worker_address": answered.address}),
            )
            self._state.context.log.log_dagster_event(logging.WARNING, warning, event)
            yield event
