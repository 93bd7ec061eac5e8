"""Any cluster class, clusters that adapt, and how Dask knows the steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from dagster import DagsterInstance
from distributed import Client, LocalCluster

from imagetl_assets.dask_executor.clusters.errors import DaskClusterError
from imagetl_assets.dask_executor.clusters.starting import adapt, start
from imagetl_assets_tests.dask_executor import jobs_limits
from imagetl_assets_tests.dask_executor.jobs import dynamic_job, mark_job
from testbed.dagster_runs import Marks, run_error, run_job
from testbed.dask_cluster import DaskProcesses


class TwoThreads(LocalCluster):
    """A cluster class that a user might have."""

    def __init__(self, workers: int) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            n_workers=workers, threads_per_worker=2, dashboard_address="127.0.0.1:0"
        )


class OfOneSize(TwoThreads):
    """One that does not adapt."""

    def adapt(self, *args: Any, **options: Any) -> Any:
        raise NotImplementedError("it has one size")


class OfOperator:
    """One whose workers another process starts and stops, as an operator of Kubernetes does."""

    def adapt(self, minimum: int | None = None, maximum: int | None = None) -> None:
        self.between = minimum, maximum


def execution(**config: Any) -> dict[str, Any]:
    return {"execution": {"config": config}}


def test_a_cluster_can_be_of_any_class(instance: DagsterInstance, marks: Marks) -> None:
    named = {"path": f"{__name__}.TwoThreads", "options": {"workers": 1}}
    config = execution(cluster={"class": named})
    with run_job(mark_job, instance, run_config=config, tags=marks.tags) as result:
        assert result.success


def test_why_a_cluster_cannot_be_started_is_told(instance: DagsterInstance, marks: Marks) -> None:
    named = {"path": f"{__name__}.TwoThreads", "options": {"wokers": 1}}
    config = execution(cluster={"class": named})
    result = run_job(mark_job, instance, run_config=config, tags=marks.tags)
    assert not result.success
    error = run_error(result)
    assert "A cluster of kind 'class' cannot be started: TypeError: " in error
    assert "unexpected keyword argument 'wokers'" in error


@pytest.mark.parametrize("path", ["no.such.module.Cluster", f"{__name__}.Missing", "Cluster", ""])
def test_a_class_that_cannot_be_imported_is_named(
    path: str, instance: DagsterInstance, marks: Marks
) -> None:
    config = execution(cluster={"class": {"path": path}})
    result = run_job(mark_job, instance, run_config=config, tags=marks.tags)
    assert not result.success
    assert f"The cluster class {path!r}" in run_error(result)


# Adapting


def test_a_cluster_grows_with_the_steps_there_are(instance: DagsterInstance, marks: Marks) -> None:
    config = execution(
        cluster={"local": {"n_workers": 1}},
        adapt={"minimum": 1, "maximum": 2, "interval": "200ms"},
    )
    job = jobs_limits.growing_job
    with run_job(job, instance, run_config=config, tags=marks.tags) as result:
        assert result.success
    workers = {line for step in marks.folder.iterdir() for line in step.read_text().split()}
    assert len(workers) == 2


def test_a_cluster_adapts_in_its_own_way_if_it_has_one() -> None:
    """`KubeCluster.adapt` takes no more than this."""
    cluster = OfOperator()
    adapt(cluster, "kube", {"minimum": 1, "maximum": 2})
    assert cluster.between == (1, 2)


def test_an_option_that_a_local_cluster_does_not_have_is_told_at_once() -> None:
    """Its workers would not start, and Dask would not say so."""
    with pytest.raises(DaskClusterError, match="Did you mean n_workers"):
        start("local", {"n_worker": 2, "memory_limit": "1GB", "resources": {"GPU": 1}}, "", "")


def test_a_cluster_that_takes_no_such_way_to_adapt_is_told() -> None:
    with pytest.raises(DaskClusterError, match=r"cannot adapt .*TypeError.*interval"):
        adapt(OfOperator(), "kube", {"minimum": 1, "interval": "1s"})


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"cluster": {"existing": {"address": "tcp://127.0.0.1:1"}}}, "started for the run"),
        ({"adapt": {"minimum": 3, "maximum": 2}}, "3 and 2"),
        (
            {"cluster": {"class": {"path": f"{__name__}.OfOneSize", "options": {"workers": 1}}}},
            "kind 'class' cannot adapt",
        ),
    ],
)
def test_what_cannot_adapt_is_told(
    config: dict[str, Any], told: str, instance: DagsterInstance, marks: Marks
) -> None:
    config = execution(**{"adapt": {"maximum": 2}, **config})
    result = run_job(mark_job, instance, run_config=config, tags=marks.tags)
    assert not result.success
    assert told in run_error(result)


# What Dask is told of the steps


def test_tasks_are_called_like_their_op(
    own_cluster: Callable[..., DaskProcesses], instance: DagsterInstance
) -> None:
    dask = own_cluster(1)
    config = {**dask.run_config(), "ops": {"numbers": {"config": {"count": 4}}}}
    with run_job(dynamic_job, instance, run_config=config) as result:
        assert result.success

    def prefixes(dask_scheduler: Any) -> set[str]:
        return {transition[0].split("-")[0] for transition in dask_scheduler.transition_log}

    with Client(dask.address, set_as_default=False) as client:
        assert client.run_on_scheduler(prefixes) == {"numbers", "double", "total"}


def test_a_step_can_be_bound_to_workers(
    own_cluster: Callable[..., DaskProcesses], instance: DagsterInstance, marks: Marks
) -> None:
    dask = own_cluster(1, "--name=small")
    dask.start_workers(1, "--name=large")
    config = dask.run_config()
    with run_job(jobs_limits.bound_job, instance, run_config=config, tags=marks.tags) as result:
        assert result.success
    steps = [f"needs_large_{number}" for number in range(jobs_limits.STEPS)]
    assert [marks.of(step) for step in steps] == [["large"]] * jobs_limits.STEPS


@pytest.mark.parametrize("job", ["no_json_job", "no_list_job"])
def test_a_tag_that_cannot_be_read_is_named(
    job: str, cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    result = run_job(getattr(jobs_limits, job), instance, run_config=cluster.run_config())
    assert not result.success
    error = run_error(result)
    assert "Step any_op has the tag dagster-dask/" in error
    assert "in JSON" in error
