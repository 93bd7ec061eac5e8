"""How many steps run at a time, in which order, and on which workers."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus, JobDefinition

from imagetl_assets_tests.dask_executor import jobs_limits as jobs
from testbed.concurrent_runs import run_at_the_same_time
from testbed.dagster_runs import Marks, RunProcess, run_error, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import steps_that
from testbed.processes import wait_for

STEPS = range(jobs.STEPS)


def most_at_a_time(marks: Marks, *prefixes: str) -> int:
    """How many of the steps `<prefix>_0`, `<prefix>_1`, ... ran at the same time."""
    steps = [f"{prefix}_{number}" for prefix in prefixes for number in STEPS]
    spans = [tuple(map(float, line.split())) for step in steps for line in marks.of(step)]
    assert len(spans) >= len(steps)
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


@pytest.mark.parametrize(
    ("job", "limits", "at_a_time"),
    [
        (jobs.free_job, {}, {("free",): 2}),
        (jobs.free_job, {"max_concurrent": 1}, {("free",): 1}),
        (
            jobs.tagged_job,
            {"tag_concurrency_limits": [{"key": "uses", "value": "database", "limit": 1}]},
            {("free", "tagged"): 2, ("tagged",): 1},
        ),
    ],
    ids=["no limit", "max_concurrent", "tag_concurrency_limits"],
)
def test_no_more_steps_run_at_a_time_than_the_limit_says_and_no_fewer(
    job: JobDefinition,
    limits: dict[str, Any],
    at_a_time: dict[tuple[str, ...], int],
    cluster: DaskProcesses,
    instance: DagsterInstance,
    marks: Marks,
) -> None:
    config = cluster.run_config(**limits)
    for _ in range(2):  # in the first run a worker may still be loading when the other is done
        with run_job(job, instance, run_config=config, tags=marks.tags) as result:
            assert result.success
    for prefixes, number in at_a_time.items():
        assert most_at_a_time(marks, *prefixes) == number


def test_two_runs_share_the_slots_of_a_pool(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    instance.event_log_storage.set_concurrency_slots("database", 1)
    config = cluster.run_config()
    run_at_the_same_time(2, jobs.pooled_job, instance, run_config=config, tags=marks.tags)
    assert all(len(marks.of(f"pooled_{number}")) == 2 for number in STEPS)
    assert most_at_a_time(marks, "pooled") == 1
    slots = instance.event_log_storage.get_concurrency_info("database")
    assert (slots.active_slot_count, slots.pending_step_count) == (0, 0)


@pytest.mark.parametrize("job", ["holding_job", "deaf_job"])
def test_a_run_that_is_stopped_holds_no_slot_of_a_pool(
    job: str, cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    storage = instance.event_log_storage
    storage.set_concurrency_slots("database", 1)
    run = RunProcess.start(jobs.__name__, job, instance, cluster.run_config(), tags=marks.tags)
    wait_for(lambda: list(marks.folder.iterdir()))
    assert storage.get_concurrency_info("database").active_slot_count == 1
    run.process.send_signal(signal.SIGINT)
    run.wait()
    assert run.status is DagsterRunStatus.CANCELED
    slots = storage.get_concurrency_info("database")
    assert (slots.active_slot_count, slots.pending_step_count) == (0, 0)


def test_a_run_whose_cluster_is_lost_holds_no_slot_of_a_pool(
    own_cluster: Callable[..., DaskProcesses], instance: DagsterInstance, marks: Marks
) -> None:
    dask = own_cluster(1)
    storage = instance.event_log_storage
    storage.set_concurrency_slots("database", 1)
    config = dask.run_config()
    run = RunProcess.start(jobs.__name__, "holding_job", instance, config, tags=marks.tags)
    wait_for(lambda: list(marks.folder.iterdir()))
    dask.stop()
    run.wait()
    assert run.status is DagsterRunStatus.FAILURE
    slots = storage.get_concurrency_info("database")
    assert (slots.active_slot_count, slots.pending_step_count) == (0, 0)


def test_urgent_steps_start_first(one_worker: DaskProcesses, instance: DagsterInstance) -> None:
    with run_job(jobs.priorities_job, instance, run_config=one_worker.run_config()) as result:
        started = steps_that(DagsterEventType.STEP_START, instance, result.run_id)
    assert started == [
        f"priority_{priority}".replace("-", "minus_")
        for priority in sorted(jobs.PRIORITIES, reverse=True)
    ]


def test_steps_run_where_the_dask_resources_that_they_require_are(
    own_cluster: Callable[..., DaskProcesses], instance: DagsterInstance, marks: Marks
) -> None:
    dask = own_cluster(1, "--name=plain")
    dask.start_workers(1, "--name=with-gpu", "--resources=GPU=1")
    with run_job(jobs.gpu_job, instance, run_config=dask.run_config(), tags=marks.tags) as result:
        assert result.success
    assert [marks.of(f"needs_gpu_{number}") for number in STEPS] == [["with-gpu"]] * len(STEPS)


def test_a_step_that_requires_what_no_worker_has_fails_the_run_with_the_remedy(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    config = cluster.run_config(worker_timeout=3)
    with run_job(jobs.gpu_job, instance, run_config=config, tags=marks.tags) as result:
        assert not result.success
        assert "GPU" in run_error(result)
        assert "dask worker --resources" in run_error(result)
