"""Steps that follow on each other: what one worker runs in a row, and what ends the row."""

import ast
import time
from collections.abc import Callable, Sequence

import pytest
from dagster import DagsterEventType, DagsterInstance, JobDefinition
from dagster._core.execution.job_execution_result import JobExecutionResult

from imagetl_assets.dask_executor.run.event_writer import EventWriter
from imagetl_assets.dask_executor.wire.messages import ForwardedEvent
from imagetl_assets_tests.dask_executor import jobs_rows as jobs
from testbed.dagster_runs import Marks, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import events, steps_that

START = DagsterEventType.STEP_START
SUCCESS = DagsterEventType.STEP_SUCCESS


Run = Callable[[JobDefinition], JobExecutionResult]


@pytest.fixture
def run(cluster: DaskProcesses, instance: DagsterInstance, marks: Marks) -> Run:
    """Runs a job on the shared cluster."""
    return lambda job: run_job(job, instance, run_config=cluster.run_config(), tags=marks.tags)


def batches(instance: DagsterInstance, run_id: str) -> list[list[str]]:
    """The steps of each batch that a worker has begun."""
    return [
        ast.literal_eval(str(event.engine_event_data.metadata["step_keys"].value))
        for event in events(instance, run_id)
        if event.is_engine_event and "step_keys" in event.engine_event_data.metadata
    ]


def test_a_worker_goes_on_with_the_step_that_most_is_waiting_for(
    run: Run, instance: DagsterInstance, marks: Marks
) -> None:
    with run(jobs.fork_job) as result:
        assert result.success
        assert result.output_for_node("far") == 3
        assert result.output_for_node("aside") == 2
        found = batches(instance, result.run_id)
    assert sorted(found) == [["aside"], ["start", "near", "far"]]
    assert marks.of("start") == marks.of("near") == marks.of("far")  # the same process


@pytest.mark.parametrize("job", [jobs.pool_job, jobs.tag_job], ids=["pool", "tag"])
def test_a_step_that_waits_for_a_slot_is_not_held_for_a_worker(
    job: JobDefinition, run: Run, instance: DagsterInstance
) -> None:
    with run(job) as result:
        assert result.success
        assert [len(steps) for steps in batches(instance, result.run_id)] == [1, 1]


def test_a_step_finds_what_was_before_it_in_the_event_log(
    run: Run, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the run's process is slow to write it."""
    write = EventWriter.write

    def write_late(writer: EventWriter, events: Sequence[ForwardedEvent]) -> None:
        time.sleep(0.03)  # a row ends after BATCH_SECONDS
        write(writer, events)

    monkeypatch.setattr(EventWriter, "write", write_late)
    with run(jobs.log_job) as result:
        assert result.output_for_node("succeeded_before") == ["first", "then"]
        assert batches(instance, result.run_id) == [["first", "then", "succeeded_before"]]


def test_a_retry_ends_the_row(run: Run, instance: DagsterInstance, marks: Marks) -> None:
    with run(jobs.retried_row_job) as result:
        assert result.success
        started = list(steps_that(START, instance, result.run_id))
        assert started == ["first", "fails_once", "after"]
        assert len(marks.of("fails_once")) == 2
        found = batches(instance, result.run_id)
    assert found == [["first", "fails_once", "after"], ["fails_once", "after"]]


def test_a_step_without_its_input_is_skipped(run: Run, instance: DagsterInstance) -> None:
    with run(jobs.skipped_row_job) as result:
        assert result.success
        assert list(steps_that(START, instance, result.run_id)) == ["first", "gives_nothing"]
        skipped = steps_that(DagsterEventType.STEP_SKIPPED, instance, result.run_id)
        assert list(skipped) == ["skipped"]
        assert batches(instance, result.run_id) == [["first", "gives_nothing", "skipped"]]


def test_a_failure_ends_the_row(run: Run, instance: DagsterInstance, marks: Marks) -> None:
    with run(jobs.failing_row_job) as result:
        assert not result.success
        assert list(steps_that(START, instance, result.run_id)) == ["first", "fails_then"]
    assert marks.of("never") == []


def test_only_the_step_that_was_running_is_lost_with_its_worker(
    own_cluster: Callable[..., DaskProcesses], instance: DagsterInstance, marks: Marks
) -> None:
    config = own_cluster(1).run_config()
    with run_job(jobs.lossy_row_job, instance, run_config=config, tags=marks.tags) as result:
        assert result.success
        succeeded = list(steps_that(SUCCESS, instance, result.run_id))
        assert succeeded == ["before", "kills_then", "after"]
    assert len(marks.of("before")) == len(marks.of("after")) == 1
    assert len(marks.of("kills_then")) == 2


def test_a_resource_that_does_not_start_takes_only_the_step_that_needs_it(
    run: Run, instance: DagsterInstance, marks: Marks
) -> None:
    # Not entered: the result would start the resources to read outputs with.
    result = run(jobs.broken_row_job)
    assert not result.success
    assert list(steps_that(SUCCESS, instance, result.run_id)) == ["first"]
    (failure,) = result.get_step_failure_events()
    assert failure.step_key == "then_needs_broken"
    assert len(marks.of("first")) == 1
