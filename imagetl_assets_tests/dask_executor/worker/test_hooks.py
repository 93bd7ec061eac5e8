"""Hooks run on the worker, once for the end of a step."""

from dagster import DagsterEventType, DagsterInstance

from imagetl_assets_tests.dask_executor.jobs_hooks import hooked_job
from testbed.dagster_runs import Marks, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import steps_that


def test_hooks_run_once_for_each_step_that_succeeds_or_fails(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    with run_job(hooked_job, instance, run_config=cluster.run_config(), tags=marks.tags):
        assert sorted(marks.of("hooks")) == ["fails failed with KeyError", "succeeds succeeded"]


def test_a_broken_hook_is_recorded_and_fails_nothing(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    with run_job(hooked_job, instance, run_config=cluster.run_config(), tags=marks.tags) as result:
        errored = steps_that(DagsterEventType.HOOK_ERRORED, instance, result.run_id)
        assert list(errored) == ["succeeds"]
        succeeded = steps_that(DagsterEventType.STEP_SUCCESS, instance, result.run_id)
        assert list(succeeded) == ["succeeds"]
