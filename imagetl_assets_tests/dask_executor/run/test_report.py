"""Dask's performance report of a run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from dagster import DagsterEventType, DagsterInstance, JobDefinition
from distributed import Client
from upath import UPath

from imagetl_assets.dask_executor.worker.sender import MessageSender
from imagetl_assets_tests.dask_executor.jobs import mark_job
from imagetl_assets_tests.dask_executor.jobs_processes import dying_job
from testbed import object_store
from testbed.dagster_runs import Marks, local_instance, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import events


def report_event(instance: DagsterInstance, run_id: str) -> Any:
    """The event of a run that tells of its report, which is its last but that it has succeeded."""
    found = [
        event
        for event in events(instance, run_id)
        if event.event_type == DagsterEventType.ENGINE_EVENT
        and "performance report" in str(event.message)
    ]
    (event,) = found
    return event


def test_the_report_is_kept_beside_the_compute_logs_and_linked(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    config = cluster.run_config(performance_report=True)
    with run_job(mark_job, instance, run_config=config, tags=marks.tags) as result:
        assert result.success
    metadata = report_event(instance, result.run_id).engine_event_data.metadata
    file = Path(metadata["file"].value)
    assert "Dask Performance Report" in file.read_text()
    assert "marks_once" in file.read_text()
    (log, *_) = file.parent.glob("*.out")
    assert log.parent.name == "compute_logs"
    assert metadata["performance_report"].value == (
        f"/logs/{result.run_id}/compute_logs/{file.stem}/html"
    )


@contextmanager
def tasks_over_late(dask: DaskProcesses) -> Iterator[None]:
    """Have each task of the workers last for some time after it has told its end."""

    def delay() -> None:
        ended, process_died = MessageSender.ended, MessageSender.process_died

        def late(tell: Callable[..., None]) -> Any:
            def told(*args: Any, **kwargs: Any) -> None:
                tell(*args, **kwargs)
                time.sleep(0.5)

            return told

        sender: Any = MessageSender
        sender.before = ended, process_died
        sender.ended, sender.process_died = late(ended), late(process_died)

    def restore() -> None:
        sender: Any = MessageSender
        sender.ended, sender.process_died = sender.before

    with Client(dask.address, set_as_default=False) as client:
        client.run(delay)
        try:
            yield
        finally:
            client.run(restore)


@pytest.mark.parametrize(
    ("job", "succeeds", "step"),
    [
        pytest.param(mark_job, True, "marks_once", id="over late"),
        pytest.param(dying_job, False, "exits_at_once", id="process has died"),
    ],
)
def test_the_report_has_tasks_that_are_over_late(
    cluster: DaskProcesses,
    instance: DagsterInstance,
    marks: Marks,
    job: JobDefinition,
    succeeds: bool,
    step: str,
) -> None:
    config = cluster.run_config(performance_report=True)
    with (
        tasks_over_late(cluster),
        run_job(job, instance, run_config=config, tags=marks.tags) as result,
    ):
        assert result.success is succeeds
    metadata = report_event(instance, result.run_id).engine_event_data.metadata
    assert step in Path(metadata["file"].value).read_text()


@contextmanager
def without_bokeh(dask: DaskProcesses) -> Iterator[None]:
    """Have the scheduler be one where bokeh is not installed."""

    def hide(dask_scheduler: Any) -> None:
        dask_scheduler.hidden = sys.modules["bokeh.models"]
        sys.modules["bokeh.models"] = None  # type: ignore[assignment]

    def show(dask_scheduler: Any) -> None:
        sys.modules["bokeh.models"] = dask_scheduler.hidden

    with Client(dask.address, set_as_default=False) as client:
        client.run_on_scheduler(hide)
        try:
            yield
        finally:
            client.run_on_scheduler(show)


def test_a_scheduler_without_bokeh_is_told_and_the_run_succeeds(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    config = cluster.run_config(performance_report=True)
    with (
        without_bokeh(cluster),
        run_job(mark_job, instance, run_config=config, tags=marks.tags) as result,
    ):
        assert result.success
    assert "install bokeh where the scheduler" in report_event(instance, result.run_id).message


@pytest.mark.parametrize("manager", ["NoOpComputeLogManager"])
def test_an_instance_that_keeps_no_logs_keeps_no_report(
    manager: str, cluster: DaskProcesses, tmp_path: Path, marks: Marks
) -> None:
    module = "dagster._core.storage.noop_compute_log_manager"
    config = cluster.run_config(performance_report=True)
    with local_instance(tmp_path, compute_logs={"module": module, "class": manager}) as instance:
        with run_job(mark_job, instance, run_config=config, tags=marks.tags) as result:
            assert result.success
        assert f"{manager} keeps nothing" in report_event(instance, result.run_id).message


def test_the_report_is_kept_in_a_bucket_with_the_compute_logs(
    own_cluster: Callable[..., DaskProcesses], tmp_path: Path, marks: Marks
) -> None:
    pytest.importorskip("dagster_aws", reason="needs dagster-aws: pip install -e '.[deploy]'")
    if absent := object_store.missing("moto"):
        pytest.skip(absent)
    with object_store.moto(tmp_path / "moto") as store, object_store.reached(store):
        bucket = object_store.new_bucket(store)
        logs = {
            "module": "dagster_aws.s3",
            "class": "S3ComputeLogManager",
            "config": {"bucket": bucket, "endpoint_url": store.url, "prefix": "logs"},
        }
        config = own_cluster(1).run_config(performance_report=True)
        with local_instance(tmp_path, compute_logs=logs) as instance:
            with run_job(mark_job, instance, run_config=config, tags=marks.tags) as result:
                assert result.success
            metadata = report_event(instance, result.run_id).engine_event_data.metadata
        page = requests.get(metadata["performance_report"].value, timeout=10)
        assert "Dask Performance Report" in page.text
        folder = f"s3://{bucket}/logs/storage/{result.run_id}/compute_logs/"
        assert metadata["file"].value.startswith(folder)
        assert [name for name in UPath(folder).fs.ls(folder) if "report" not in name]  # the logs
