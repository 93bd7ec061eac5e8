"""What one run, step or resource does is no other one's concern."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from dagster import DagsterEventType, DagsterInstance
from distributed import Client

from imagetl_assets_tests.dask_executor import jobs_isolation as jobs
from testbed.concurrent_runs import run_at_the_same_time
from testbed.dagster_runs import Marks, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import histories, steps_that

RUNS = 4


# Runs


def test_runs_of_one_job_at_the_same_time_share_nothing(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    run_own_values_at_the_same_time(cluster, instance, marks)


def test_runs_on_a_worker_with_several_threads_share_nothing(
    own_cluster: Callable[..., DaskProcesses], instance: DagsterInstance, marks: Marks
) -> None:
    run_own_values_at_the_same_time(own_cluster(1, "--nthreads=4"), instance, marks)


def run_own_values_at_the_same_time(
    dask: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    runs = run_at_the_same_time(
        RUNS, jobs.own_values_job, instance, run_config=dask.run_config(), tags=marks.tags
    )
    for number in range(5):
        ran_for = [line.split()[0] for line in marks.of(f"pass_on[{number}]")]
        assert sorted(ran_for) == sorted(runs)
    assert steps_at_a_time_per_process(marks) == {1}
    with Client(dask.address, set_as_default=False) as client:
        assert set(Counter(client.run_on_scheduler(keys_of_started_tasks)).values()) == {1}


def keys_of_started_tasks(dask_scheduler: Any) -> list[str]:
    """By which Dask knows tasks: it would take those of two runs for one if they were the same."""
    return [
        transition[0]
        for transition in dask_scheduler.transition_log
        if transition[2] == "processing"
    ]


def steps_at_a_time_per_process(marks: Marks) -> set[int]:
    """Dagster is not thread-safe: the steps of a process must run one at a time."""
    spans = defaultdict(list)
    for number in range(5):
        for line in marks.of(f"pass_on[{number}]"):
            _, pid, start, end = line.split()
            spans[pid].append((float(start), float(end)))
    return {
        sum(start <= moment < end for start, end in of_process)
        for of_process in spans.values()
        for moment, _ in of_process
    }


def test_a_run_leaves_nothing_with_the_scheduler(
    one_worker: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    def left(dask_scheduler: Any) -> tuple[list[str], list[str], int]:
        topics = dask_scheduler._broker._topics.values()
        messages = sum("dagster-message" in event for topic in topics for _, event in topic.events)
        return list(dask_scheduler.tasks), list(dask_scheduler.task_metadata), messages

    with Client(one_worker.address, set_as_default=False) as client:
        with run_job(
            jobs.own_values_job, instance, run_config=one_worker.run_config(), tags=marks.tags
        ) as result:
            assert result.success
        assert client.run_on_scheduler(left) == ([], [], 0)


# The working directory


def test_steps_start_in_the_directory_that_the_worker_was_started_in(
    one_worker: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    for _ in range(2):
        with run_job(
            jobs.working_directory_job,
            instance,
            run_config=one_worker.run_config(),
            tags=marks.tags,
        ) as result:
            failed = steps_that(DagsterEventType.STEP_FAILURE, instance, result.run_id)
            assert list(failed) == ["goes_elsewhere_and_fails"]
    for step in ("at_first", "after_going", "after_failing", "downstream", "at_last"):
        assert marks.of(step) == [str(one_worker.folder)] * 2


# Resources


def test_a_resource_that_does_not_start_fails_only_the_steps_that_need_it(
    one_worker: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    config = one_worker.run_config()
    # Not entered: the result would start the resources to read outputs with.
    result = run_job(jobs.broken_resource_job, instance, run_config=config, tags=marks.tags)
    assert not result.success
    (failure,) = result.get_step_failure_events()
    assert failure.step_key == "needs_broken"
    assert "the resource is broken on purpose" in str(failure.step_failure_data.error)
    found = histories(instance, result.run_id)
    assert found.pop("needs_broken") == ["STEP_FAILURE"]
    assert {step: marks.of(step) for step in found} == {
        step: ["ran"] for step in ("before", "after", "needs_nothing")
    }
    for history in found.values():
        assert [kind for kind in history if kind not in ("STEP_OUTPUT", "HANDLED_OUTPUT")] == [
            "STEP_START",
            "STEP_SUCCESS",
        ]


def test_a_step_is_retried_when_its_resource_does_not_start(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    with run_job(
        jobs.resource_retry_job, instance, run_config=cluster.run_config(), tags=marks.tags
    ) as result:
        assert result.success
        assert marks.of("needs_a_resource") == ["works"]
        retried = steps_that(DagsterEventType.STEP_UP_FOR_RETRY, instance, result.run_id)
        assert list(retried) == ["needs_a_resource"]
