"""What a lost worker or scheduler means for a run."""

import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    ReexecutionOptions,
    execute_job,
    reconstructable,
)
from distributed import Client

from imagetl_assets_tests.dask_executor.jobs_harmful import (
    deadly_job,
    dynamic_loss_job,
    leaving_job,
    one_loss_job,
    slow_then_more_job,
)
from testbed.dagster_runs import Marks, RunProcess, run_error, run_job
from testbed.dask_cluster import DaskProcesses, with_group
from testbed.processes import wait_for

StartCluster = Callable[..., DaskProcesses]


def test_a_step_whose_worker_was_killed_runs_again_without_using_a_retry(
    own_cluster: StartCluster, instance: DagsterInstance, marks: Marks
) -> None:
    dask = own_cluster(1)
    with run_job(one_loss_job, instance, run_config=dask.run_config(), tags=marks.tags) as result:
        assert result.success
        assert marks.of("kills_one_worker") == ["try 0", "try 0"]
        assert not [event for event in result.all_events if event.is_step_up_for_retry]
        assert (
            not result.get_step_retry_events() if hasattr(result, "get_step_retry_events") else True
        )
        for number in range(4):
            assert len(marks.of(f"before_{number}")) == 1
            assert len(marks.of(f"later_{number}")) == 1
        successes = [event.step_key for event in result.get_step_success_events()]
        assert len(successes) == len(set(successes)) == 10


def test_a_step_that_kills_every_worker_fails_and_independent_steps_finish(
    own_cluster: StartCluster, instance: DagsterInstance, marks: Marks
) -> None:
    dask = own_cluster(2)
    config = dask.run_config(max_worker_losses=1)
    with run_job(deadly_job, instance, run_config=config, tags=marks.tags) as result:
        assert not result.success
        (failure,) = result.get_step_failure_events()
        assert failure.step_key == "kills_every_worker"
        error = failure.step_failure_data.error
        assert error is not None
        assert "was running on 2 Dask workers when they were lost" in error.message
        assert len(marks.of("kills_every_worker")) == 2
        assert marks.of("downstream") == []
        for number in range(4):
            assert len(marks.of(f"independent_{number}")) == 1


def test_a_step_that_wants_to_end_the_process_fails_alone(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    config = cluster.run_config(max_concurrent=1)
    with run_job(leaving_job, instance, run_config=config, tags=marks.tags) as result:
        assert not result.success
        failed = {event.step_key for event in result.get_step_failure_events()}
        assert failed == {"interrupts_itself", "exits"}
        started = [event.step_key for event in result.all_events if event.is_step_start]
        assert sorted(filter(None, started)) == ["exits", "first", "interrupts_itself", "last"]
        for step_key in ("first", "last", "interrupts_itself", "exits"):
            assert len(marks.of(step_key)) == 1


def test_a_step_whose_worker_was_retired_runs_again_without_counting_as_a_loss(
    own_cluster: StartCluster, instance: DagsterInstance, marks: Marks
) -> None:
    dask = own_cluster(1)

    def retire_worker() -> None:
        wait_for(lambda: marks.of("slow[n1]"))
        with Client(dask.address, set_as_default=False) as client:
            (old,) = client.scheduler_info()["workers"]
            dask.start_workers(1)
            client.retire_workers([old])

    retiring = threading.Thread(target=retire_worker)
    retiring.start()
    config = dask.run_config(max_worker_losses=0)
    with run_job(slow_then_more_job, instance, run_config=config, tags=marks.tags) as result:
        assert result.success
        assert result.output_for_node("total") == 3
    retiring.join()
    assert len(marks.of("slow[n0]")) == 1
    assert len(marks.of("slow[n1]")) == 2


def test_dynamic_outputs_of_a_lost_step_do_not_count(
    own_cluster: StartCluster, instance: DagsterInstance, marks: Marks
) -> None:
    dask = own_cluster(1)
    with run_job(
        dynamic_loss_job, instance, run_config=dask.run_config(), tags=marks.tags
    ) as result:
        assert result.success
        assert len(marks.of("kills_after_two_outputs")) == 2
        for number in range(3):
            assert len(marks.of(f"downstream[n{number}]")) == 1


def test_a_run_whose_scheduler_is_lost_fails_and_is_completed_by_reexecution(
    own_cluster: StartCluster, instance: DagsterInstance, marks: Marks
) -> None:
    dask = own_cluster(1)
    assert dask.scheduler is not None
    scheduler = dask.scheduler

    def kill_scheduler() -> None:
        wait_for(lambda: marks.of("slow[n1]"))
        with_group(scheduler, signal.SIGKILL)

    killer = threading.Thread(target=kill_scheduler)
    killer.start()
    config = dask.run_config()
    with run_job(slow_then_more_job, instance, run_config=config, tags=marks.tags) as result:
        assert not result.success
        assert "connection to the Dask scheduler" in run_error(result)
        assert "re-execute the run from failure" in run_error(result)
        run_id = result.run_id
    killer.join()

    with execute_job(
        reconstructable(slow_then_more_job),
        instance=instance,
        run_config=own_cluster(1).run_config(),
        tags=marks.tags,
        reexecution_options=ReexecutionOptions.from_failure(run_id, instance),
    ) as again:
        assert again.success
        assert again.output_for_node("total") == 3
        assert len(marks.of("slow[n0]")) == 1  # had succeeded


def test_no_scheduler_at_the_address(instance: DagsterInstance, marks: Marks) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    config = {
        "execution": {
            "config": {"cluster": {"existing": {"address": address}}, "worker_timeout": 2}
        }
    }
    with run_job(one_loss_job, instance, run_config=config, tags=marks.tags) as result:
        assert not result.success
        assert f"No Dask scheduler answers at {address}" in run_error(result)


def test_no_worker_in_time(
    own_cluster: StartCluster, instance: DagsterInstance, marks: Marks
) -> None:
    dask = own_cluster(0)
    config = dask.run_config(worker_timeout=2)
    with run_job(one_loss_job, instance, run_config=config, tags=marks.tags) as result:
        assert not result.success
        assert "has had no worker for 2 s" in run_error(result)
        assert f"dask worker {dask.address}" in run_error(result)


def test_a_worker_without_the_executor_is_named(
    own_cluster: StartCluster, instance: DagsterInstance, marks: Marks, tmp_path: Path
) -> None:
    hidden = tmp_path / "without"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import sys\n"
        "sys.modules['imagetl_assets'] = None  # importing it fails, as if it was not installed\n"
    )
    dask = own_cluster(0)
    dask.start_workers(1, env={"PYTHONPATH": str(hidden)})
    with run_job(one_loss_job, instance, run_config=dask.run_config(), tags=marks.tags) as result:
        assert not result.success
        assert "imagetl_assets" in run_error(result)
        assert "The scheduler and all workers need" in run_error(result)


def test_a_worker_without_the_jobs_code_is_named(
    own_cluster: StartCluster,
    instance: DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_job_package(tmp_path / "here", version=1)
    monkeypatch.syspath_prepend(str(tmp_path / "here"))
    dask = own_cluster(1)
    run = RunProcess.start(
        "job_package.jobs", "small_job", instance, dask.run_config(), path=tmp_path / "here"
    )
    run.wait()
    (error,) = run.errors()
    assert "cannot load job 'small_job'" in error
    assert "No module named 'job_package'" in error
    assert "Install the code of this run on the worker" in error


def test_a_worker_that_has_loaded_another_version_of_the_code_is_named(
    own_cluster: StartCluster, instance: DagsterInstance, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    write_job_package(code, version=1)
    dask = own_cluster(0)
    dask.start_workers(1, env={"PYTHONPATH": f"{code}:{':'.join(sys.path)}"})

    first = RunProcess.start("job_package.jobs", "small_job", instance, dask.run_config(), code)
    first.wait()
    assert first.status is DagsterRunStatus.SUCCESS

    write_job_package(code, version=2)
    second = RunProcess.start("job_package.jobs", "small_job", instance, dask.run_config(), code)
    second.wait()
    (error,) = second.errors()
    assert "has another version of the code of job 'small_job' loaded" in error
    assert "restart the worker" in error


def write_job_package(folder: Path, version: int) -> None:
    package = folder / "job_package"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    (package / "jobs.py").write_text(
        "from dagster import job, op\n"
        "from imagetl_assets.dask_executor import dask_executor\n"
        "@op\n"
        f"def version() -> int: return {version}\n"
        "@job(executor_def=dask_executor)\n"
        "def small_job(): version()\n"
    )
