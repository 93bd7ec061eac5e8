"""A run that is asked to stop stops soon, ends as canceled, and leaves the cluster as it was."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from dagster import DagsterInstance, DagsterRunStatus

from imagetl_assets_tests.dask_executor.jobs import dynamic_job
from testbed.dagster_runs import Marks, RunProcess, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.processes import wait_for

HARMFUL = "imagetl_assets_tests.dask_executor.jobs_harmful"


def started_steps(marks: Marks) -> list[Path]:
    return list(marks.folder.iterdir())


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_running_python_code_is_interrupted_and_the_run_ends_canceled(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks, signal_number: int
) -> None:
    run = RunProcess.start(HARMFUL, "looping_job", instance, cluster.run_config(), tags=marks.tags)
    wait_for(lambda: len(started_steps(marks)) == 2)

    run.process.send_signal(signal_number)
    wait_for(lambda: run.status is DagsterRunStatus.CANCELED, seconds=10)
    run.wait()

    # Two steps were interrupted, the other two never started.
    assert [file.read_text() for file in started_steps(marks)] == [
        "ran\nDagsterExecutionInterruptedError\n"
    ] * 2
    serves_the_next_run(cluster, instance)


def test_a_request_of_the_ui_ends_the_run_as_canceled(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    run = RunProcess.start(HARMFUL, "looping_job", instance, cluster.run_config(), tags=marks.tags)
    wait_for(lambda: len(started_steps(marks)) == 2)
    assert run.run is not None

    # What a run launcher does: note the request, then signal the run's process.
    instance.report_run_canceling(run.run)
    run.process.send_signal(signal.SIGINT)
    wait_for(lambda: run.status is DagsterRunStatus.CANCELED, seconds=10)
    run.wait()


def test_a_step_that_cannot_be_interrupted_costs_its_worker(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    run = RunProcess.start(HARMFUL, "sleeping_job", instance, cluster.run_config(), tags=marks.tags)
    wait_for(lambda: started_steps(marks))

    asked = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    wait_for(lambda: run.status is DagsterRunStatus.CANCELED, seconds=15)
    assert time.monotonic() - asked < 10  # promised are 5 s, on a machine that is not busy
    run.wait()
    serves_the_next_run(cluster, instance)


@pytest.mark.parametrize(
    ("job", "signal_number"),
    [
        ("looping_job", signal.SIGINT),
        ("sleeping_job", signal.SIGTERM),
        ("looping_job", signal.SIGKILL),
    ],
    ids=["interrupted", "terminated", "killed"],
)
def test_a_local_cluster_leaves_no_process_behind(
    instance: DagsterInstance, marks: Marks, job: str, signal_number: int
) -> None:
    config = {"execution": {"config": {"cluster": {"local": {"n_workers": 2}}}}}
    run = RunProcess.start(HARMFUL, job, instance, config, tags=marks.tags)
    wait_for(lambda: started_steps(marks))
    children = psutil.Process(run.process.pid).children(recursive=True)
    assert len(children) >= 2

    os.kill(run.process.pid, signal_number)
    run.wait()
    wait_for(lambda: not any(child.is_running() for child in children), seconds=15)


def serves_the_next_run(cluster: DaskProcesses, instance: DagsterInstance) -> None:
    config = {**cluster.run_config(), "ops": {"numbers": {"config": {"count": 4}}}}
    with run_job(dynamic_job, instance, run_config=config) as result:
        assert result.success
