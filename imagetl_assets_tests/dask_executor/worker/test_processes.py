"""An isolated step has a process of its own; whatever becomes of that is the step's own concern."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus
from dagster._core.execution.job_execution_result import JobExecutionResult
from dagster._core.storage.compute_log_manager import ComputeIOType
from distributed import Client

from imagetl_assets_tests.dask_executor import jobs_processes as jobs
from testbed.dagster_runs import Marks, RunProcess, run_error, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.processes import wait_for


def failure(result: JobExecutionResult, step_key: str) -> str:
    """What the failure event of a step says."""
    (event,) = [
        event for event in result.all_events if event.is_step_failure and event.step_key == step_key
    ]
    error = event.step_failure_data.error
    assert error is not None
    return error.message


def test_what_an_isolated_step_leaks_ends_with_its_process(
    one_worker: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    config = one_worker.run_config()
    with run_job(jobs.leaking_job, instance, run_config=config, tags=marks.tags) as result:
        assert result.success
        assert result.output_for_node("remains_clean") == 1
    leaking = [marks.of(f"leaks[{number}]")[0].split() for number in range(2)]
    (clean,) = marks.of("remains_clean")
    assert len({pid for pid, _ in leaking} | {clean.split()[0]}) == 3
    assert [leaked for _, leaked in leaking] == ["1"] * 2
    assert clean.split()[1:] == ["0", "False"]


def test_an_isolated_step_may_use_multiprocessing_on_workers_that_are_daemons(
    one_worker: DaskProcesses, instance: DagsterInstance
) -> None:
    with run_job(jobs.multiprocessing_job, instance, run_config=one_worker.run_config()) as result:
        assert result.output_for_node("uses_processes") == 14
        assert result.output_for_node("terminates_processes") == 0


def test_a_process_that_dies_is_a_failure_of_its_step(
    one_worker: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    """The worker lives on; all that was told before is kept, and the `RetryPolicy` is heeded."""
    config = one_worker.run_config()
    with run_job(jobs.dying_job, instance, run_config=config, tags=marks.tags) as result:
        assert not result.success
        assert failure(result, "exits_at_once") == (
            "The process of step exits_at_once ended with the exit code 3 before the step had "
            "ended. The stderr of the step may tell more."
        )
        (retry,) = [event for event in result.all_events if event.is_step_up_for_retry]
        assert retry.step_retry_data.error is not None
        assert "was killed by signal 9" in retry.step_retry_data.error.message
        assert marks.of("is_killed_once") == ["try 0", "try 1"]
        assert marks.of("after") == ["ran"]
        logs = instance.all_logs(result.run_id)
        assert [log for log in logs if log.user_message == "the last words"]
        assert "printed before" in output_of(result, instance, "exits_at_once")


def test_what_a_step_has_left_running_ends_with_its_process(
    one_worker: DaskProcesses, instance: DagsterInstance
) -> None:
    with run_job(jobs.leaving_job, instance, run_config=one_worker.run_config()) as result:
        pids = result.output_for_node("leaves_processes")
    wait_for(lambda: all(map(has_ended, pids if sys.platform == "linux" else pids[:1])))


def output_of(result: JobExecutionResult, instance: DagsterInstance, step_key: str) -> str:
    """What a step has printed, as the UI shows it."""
    events = [
        event
        for event in result.all_events
        if event.event_type is DagsterEventType.LOGS_CAPTURED
        and step_key in (event.logs_captured_data.step_keys or ())
    ]
    data = events[-1].logs_captured_data
    manager = instance.compute_log_manager
    key = manager.build_log_key_for_run(result.run_id, data.file_key)
    assert manager.is_capture_complete(key)
    log = manager.get_log_data_for_type(key, ComputeIOType.STDOUT, offset=0, max_bytes=None)
    return (log[0] or b"").decode()


@pytest.mark.parametrize("job", ["sleeping_job", "stubborn_job"])
def test_a_run_that_is_stopped_leaves_no_process_of_a_step(
    one_worker: DaskProcesses, instance: DagsterInstance, marks: Marks, job: str
) -> None:
    worker = worker_pid(one_worker)
    config = one_worker.run_config()
    run = RunProcess.start(jobs.__name__, job, instance, config, tags=marks.tags)
    wait_for(lambda: any(file.read_text() for file in marks.folder.iterdir()))
    (file,) = marks.folder.iterdir()
    pids = [int(pid) for pid in file.read_text().split()]

    run.process.send_signal(signal.SIGTERM)
    wait_for(lambda: run.status is DagsterRunStatus.CANCELED, seconds=15)
    run.wait()
    wait_for(lambda: all(map(has_ended, pids)))
    assert worker_pid(one_worker) == worker  # It was not started anew.


def test_a_worker_that_dies_takes_the_process_of_its_step_along(
    one_worker: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    """So the step is not run twice at the same time, by the process and by the next worker."""
    config = one_worker.run_config()
    with run_job(jobs.killing_job, instance, run_config=config, tags=marks.tags) as result:
        assert result.success
    first, second = (set(map(int, pids.split())) for pids in marks.of("kills_its_worker_once"))
    assert not first & second
    wait_for(lambda: all(map(has_ended, first | second)))


def has_ended(pid: int) -> bool:
    """Also if nobody has taken note of that: a container may have nobody who does."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def worker_pid(dask: DaskProcesses) -> int:
    with Client(dask.address, set_as_default=False) as client:
        (pid,) = client.run(os.getpid).values()
        return int(pid)


def test_config_isolates_all_steps_whose_tags_do_not_say_otherwise(
    one_worker: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    with run_job(
        jobs.isolated_by_config_job,
        instance,
        run_config=one_worker.run_config(isolate=True),
        tags=marks.tags,
    ) as result:
        assert result.success  # Whose resource does not start at first is tried again.
        assert result.output_for_node("greeted") == "hello"
        assert result.output_for_node("computes_with_dask") == 14
        assert result.output_for_node("in_the_worker") == worker_pid(one_worker)
        assert result.output_for_node("needs_a_resource") != worker_pid(one_worker)


def test_a_tag_that_cannot_be_read_fails_the_run_in_words(
    one_worker: DaskProcesses, instance: DagsterInstance
) -> None:
    with run_job(jobs.misspelt_job, instance, run_config=one_worker.run_config()) as result:
        assert "'maybe', which has to be true, false or an object" in run_error(result)


def test_a_process_that_cannot_begin_fails_its_step_in_words(
    one_worker: DaskProcesses, instance: DagsterInstance
) -> None:
    """And no other step; it is tried as often as its `RetryPolicy` says."""
    with run_job(jobs.cannot_begin_job, instance, run_config=one_worker.run_config()) as result:
        assert not result.success
        assert result.output_for_node("in_the_worker") == worker_pid(one_worker)
        retries = [event.step_key for event in result.all_events if event.is_step_up_for_retry]
        assert retries == ["by_no_python"]
        message = failure(result, "by_no_python")
        assert message.startswith("The process of a step on Dask worker ")
        assert "cannot be started with /no/such/python: [Errno 2] No such file" in message
        assert message.endswith("Correct the step's tag dagster-dask/isolate, or `isolate` in the "
                                "executor's config.")  # fmt: skip
        assert "illegal environment variable name" in failure(result, "with_no_such_variable")
        assert (
            "started with /bin/false, ended with the exit code 1 before the step began"
        ) in failure(result, "by_what_is_no_python")


def test_a_process_that_cannot_load_the_job_fails_its_step_in_words(
    one_worker: DaskProcesses, instance: DagsterInstance, tmp_path: Path
) -> None:
    hide = f"import sys; sys.modules[{jobs.__name__!r}] = None  # as if it was not installed"
    (tmp_path / "sitecustomize.py").write_text(hide)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    isolate = {"python": sys.executable, "env": {"PYTHONPATH": path}}
    config = one_worker.run_config(isolate=isolate)
    with run_job(jobs.two_places_job, instance, run_config=config) as result:
        assert result.output_for_node("in_the_worker") == worker_pid(one_worker)
        message = failure(result, "anywhere")
        assert message.startswith("The process of a step on Dask worker ")
        assert "cannot load job 'two_places_job'" in message
