"""The event log: complete, in order, in time, and written by the run's process alone."""

import ast
import time
from collections import Counter
from pathlib import Path
from typing import Any

from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    EventLogEntry,
    reconstructable,
)
from dagster._core.execution.api import execute_run
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from distributed import Client
from sqlalchemy import select

from imagetl_assets.dask_executor.dagster_internals.event_log import insert_rows, row_of
from imagetl_assets_tests.dask_executor import jobs_events as jobs
from imagetl_assets_tests.dask_executor.jobs import dynamic_job
from imagetl_assets_tests.dask_executor.jobs_harmful import children_job
from imagetl_assets_tests.dask_executor.replacements import needs_replacement
from testbed.dagster_runs import Marks, RunProcess, local_instance, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import entries, events, histories

MAPPED = 40


def test_each_event_is_in_the_log_exactly_once_and_in_order(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    config = {**cluster.run_config(), "ops": {"numbers": {"config": {"count": MAPPED}}}}
    with run_job(dynamic_job, instance, run_config=config) as result:
        assert result.success
    found = histories(instance, result.run_id)
    output = ["STEP_OUTPUT", "HANDLED_OUTPUT"]
    start, end = ["STEP_START"], ["STEP_SUCCESS"]
    assert found.pop("numbers") == start + MAPPED * output + end
    assert found.pop("total") == start + MAPPED * ["LOADED_INPUT"] + ["STEP_INPUT"] + output + end
    assert len(found) == MAPPED
    for history in found.values():
        assert history == [*start, "LOADED_INPUT", "STEP_INPUT", *output, *end]
    assert set(Counter(of_run_kind(instance, result.run_id)).values()) == {1}
    for step in found:
        of_step = [entry for entry in entries(instance, result.run_id) if entry.step_key == step]
        times = [entry.timestamp for entry in of_step]
        assert times == sorted(times)


def of_run_kind(instance: DagsterInstance, run_id: str) -> list[str]:
    """The types of the events that tell how the run as a whole fares."""
    return [
        event.event_type_value
        for event in events(instance, run_id)
        if event.is_job_event or event.event_type == DagsterEventType.RUN_STARTING
    ]


def test_a_running_step_shows_its_log_within_a_second(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    run = RunProcess.start(jobs.__name__, "talking_job", instance, cluster.run_config())
    seen: dict[str, float] = {}  # line -> seconds from when it was logged to when it was seen
    while run.process.poll() is None:
        if run.run is not None:
            step_is_over = False
            for entry in entries(instance, run.run.run_id):
                step_is_over |= entry.dagster_event_type == DagsterEventType.STEP_SUCCESS
                if entry.user_message.startswith("line ") and not step_is_over:
                    seen.setdefault(entry.user_message, time.time() - entry.timestamp)
        time.sleep(0.05)
    # All lines while the step was running, but the last ones if this process was held up.
    assert len(seen) >= jobs.LINES - 2
    assert sorted(seen.values())[len(seen) // 2] < 1


# Logs


def test_what_a_step_logs_is_in_the_event_log_with_its_step(
    cluster: DaskProcesses, dagster_home: Path
) -> None:
    managed = {"managed_python_loggers": [jobs.LOGGER], "python_log_level": "INFO"}
    with (
        local_instance(dagster_home, python_logs=managed) as instance,
        run_job(jobs.logging_job, instance, run_config=cluster.run_config()) as result,
    ):
        logged = {
            entry.user_message: (entry.step_key, entry.level)
            for entry in entries(instance, result.run_id)
            if entry.dagster_event is None
        }
    assert logged["by the context's log"] == ("logs_in_every_way", 20)
    assert logged["by a managed logger"] == ("logs_in_every_way", 30)
    assert "by a logger of its own" not in logged


def test_listeners_of_the_run_hear_each_event_that_is_stored(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    recon_job = reconstructable(jobs.logging_job)
    run = instance.create_run_for_job(recon_job.get_definition(), run_config=cluster.run_config())
    heard: list[EventLogEntry] = []
    instance.add_event_listener(run.run_id, heard.append)
    assert execute_run(recon_job, run, instance).success
    stored = entries(instance, run.run_id)
    assert [(entry.timestamp, entry.user_message) for entry in heard] == [
        (entry.timestamp, entry.user_message) for entry in stored[-len(heard) :]
    ]
    assert "by the context's log" in [entry.user_message for entry in heard]


def test_what_steps_print_is_captured_where_the_events_say(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    with run_job(jobs.printing_job, instance, run_config=cluster.run_config()) as result:
        assert result.success
    steps_of_file: dict[str, list[str]] = {}
    for event in events(instance, result.run_id):
        if event.event_type == DagsterEventType.LOGS_CAPTURED:
            data = event.logs_captured_data  # the UI takes the last one for each file
            steps_of_file[data.file_key] = list(data.step_keys or [])
    steps = [step for steps in steps_of_file.values() for step in steps]
    assert sorted(steps) == ["prints_0", "prints_1", "prints_2"]
    manager = instance.compute_log_manager
    for file, steps in steps_of_file.items():
        logs = manager.get_log_data(manager.build_log_key_for_run(result.run_id, file))
        stdout, stderr = (logs.stdout or b"").decode(), (logs.stderr or b"").decode()
        for step in steps:
            assert f"{step} to stdout" in stdout
            assert f"{step} from a process" in stdout
            assert f"{step} to stderr" in stderr


# Who writes, and who runs


def test_workers_do_not_write_to_the_instance(
    one_worker: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    config = one_worker.run_config()
    for _ in range(2):  # the second run finds the worker as it was after the first
        with run_job(jobs.watching_job, instance, run_config=config, tags=marks.tags) as result:
            assert result.success
    executed = marks.of("tells_what_was_executed")[-1].split()
    assert executed.count("DROP") == 2  # the watch itself works
    assert set(executed) <= {"DROP", "SELECT", "PRAGMA"}


def test_the_run_tells_where_its_steps_run(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    with Client(cluster.address, set_as_default=False) as client:
        workers = client.scheduler_info()["workers"]
        names = {str(worker["name"]): address for address, worker in workers.items()}
    with run_job(jobs.printing_job, instance, run_config=cluster.run_config()) as result:
        told = [
            {name: value.value for name, value in event.engine_event_data.metadata.items()}
            for event in events(instance, result.run_id)
            if event.is_engine_event
        ]
    assert told[0]["dask_scheduler"] == cluster.address
    assert str(told[0]["dask_dashboard"]).startswith("http://127.0.0.1:")
    of_batches = [each for each in told if "dask_worker" in each]
    assert all(
        names[str(each["dask_worker"])] == each["dask_worker_address"] for each in of_batches
    )
    steps = [step for each in of_batches for step in ast.literal_eval(str(each["step_keys"]))]
    assert set(steps) == {"prints_0", "prints_1", "prints_2"}


@needs_replacement("compute-log-mirrors")
def test_the_capture_of_output_needs_no_processes(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    with run_job(children_job, instance, run_config=cluster.run_config()) as result:
        # Dagster's own capture has a `tail` and a watcher for each of stdout and stderr; a worker
        # under a nanny has multiprocessing's resource tracker.
        assert result.output_for_node("counts_children") <= 1


def test_rows_made_on_a_worker_are_those_that_dagster_makes(tmp_path: Path) -> None:
    told = DagsterEvent(
        DagsterEventType.STEP_SUCCESS.value,
        job_name="a_job",
        step_key="a_step",
        event_specific_data=StepSuccessData(duration_ms=1.0),
    )
    written = [
        EventLogEntry(None, 20, "a line", "a run", 1.5, step_key="a_step"),
        EventLogEntry(None, 10, "", "a run", 2.5, step_key="a_step", dagster_event=told),
    ]
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with local_instance(tmp_path / "a") as by_dagster, local_instance(tmp_path / "b") as by_rows:
        rows = []
        for entry in written:
            by_dagster.event_log_storage.store_event(entry)
            row = row_of(by_rows.event_log_storage, entry)
            assert row is not None
            rows.append(row)
        insert_rows(by_rows, "a run", rows)
        assert table_of(by_rows) == table_of(by_dagster)
        assert [*by_rows.all_logs("a run")] == written


def table_of(instance: DagsterInstance) -> list[tuple[Any, ...]]:
    storage: Any = instance.event_log_storage
    with storage.run_connection("a run") as connection:
        return [tuple(row) for row in connection.execute(select(SqlEventLogStorageTable))]
