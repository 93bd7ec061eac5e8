"""Steps may compute with Dask on the cluster that they run on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from dagster import DagsterInstance, execute_job
from dagster._core.definitions.reconstruct import ReconstructableJob

from imagetl_assets_tests.dask_executor import jobs_nested as jobs
from testbed.dask_cluster import DaskProcesses


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("workers", "threads"), [(1, 1), (1, 3), (2, 1)])
def test_steps_can_use_all_of_dasks_ways_to_compute(
    workers: int,
    threads: int,
    own_cluster: Callable[..., DaskProcesses],
    instance: DagsterInstance,
) -> None:
    dask = own_cluster(workers, f"--nthreads={threads}")
    for way in jobs.WAYS:
        job = ReconstructableJob.for_module(jobs.__name__, f"{way.name}_job")
        with execute_job(job, instance, run_config=dask.run_config()) as result:
            assert result.success, way.name
            assert [result.output_for_node(f"step_{number}") for number in range(4)] == [
                jobs.RESULT
            ] * 4
    mixed = ReconstructableJob.for_module(jobs.__name__, "mixed_job")
    with execute_job(mixed, instance, run_config=dask.run_config()) as result:
        assert result.success
        found = {event.step_key for event in result.get_step_success_events()}
        assert len(found) == 2 * len(jobs.WAYS)


def test_the_resource_serves_without_a_worker_too() -> None:
    result = jobs.with_the_resource_job.execute_in_process()
    assert result.output_for_node("step_0") == jobs.RESULT
