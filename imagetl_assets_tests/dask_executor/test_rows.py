"""Steps that follow on each other: what one worker runs in a row, and what ends the row."""

import ast
from collections.abc import Callable

from dagster import DagsterEventType, DagsterInstance

from imagetl_assets_tests.dask_executor import jobs_rows as jobs
from imagetl_assets_tests.dask_executor.conftest import Marks, run_job
from imagetl_assets_tests.dask_executor.histories import events, steps_that
from imagetl_assets_tests.dask_executor.processes import DaskProcesses

START = DagsterEventType.STEP_START
SUCCESS = DagsterEventType.STEP_SUCCESS


def batches(instance: DagsterInstance, run_id: str) -> list[list[str]]:
    """The steps of each batch that a worker has begun."""
    return [
        ast.literal_eval(str(event.engine_event_data.metadata["step_keys"].value))
        for event in events(instance, run_id)
        if event.is_engine_event and "step_keys" in event.engine_event_data.metadata
    ]


def test_a_worker_goes_on_with_the_step_that_most_is_waiting_for(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    with run_job(
        jobs.fork_job, instance, run_config=cluster.run_config(), tags=marks.tags
    ) as result:
        assert result.success
        assert result.output_for_node("far") == 3
        assert result.output_for_node("aside") == 2
        found = batches(instance, result.run_id)
    assert sorted(found) == [["aside"], ["start", "near", "far"]]
    assert marks.of("start") == marks.of("near") == marks.of("far")  # the same process


def test_a_step_of_a_pool_is_not_held_for_a_worker(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    with run_job(
        jobs.pool_job, instance, run_config=cluster.run_config(), tags=marks.tags
    ) as result:
        assert result.success
        assert batches(instance, result.run_id) == [["first"], ["in_pool"]]


def test_a_failure_ends_the_row(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    with run_job(
        jobs.failing_row_job, instance, run_config=cluster.run_config(), tags=marks.tags
    ) as result:
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
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    # Not entered: the result would start the resources to read outputs with.
    result = run_job(
        jobs.broken_row_job, instance, run_config=cluster.run_config(), tags=marks.tags
    )
    assert not result.success
    assert list(steps_that(SUCCESS, instance, result.run_id)) == ["first"]
    (failure,) = result.get_step_failure_events()
    assert failure.step_key == "then_needs_broken"
    assert len(marks.of("first")) == 1
