"""Workers that differ from the run's process are named when a run starts, in a line each."""

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cloudpickle
import pytest
from dagster import DagsterEventType, DagsterInstance

from imagetl_assets.dask_executor.run import worker_check
from imagetl_assets.dask_executor.wire.calls import by_name
from imagetl_assets_tests.dask_executor.jobs import waiting_job
from testbed.dagster_runs import Marks, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import entries
from testbed.processes import PROJECT, wait_for

SETTING = "TESTS_DATA_URL"


@pytest.fixture(autouse=True)
def _setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "s3://user:s3cret@here/data")


@contextmanager
def a_run(
    dask: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> Iterator[Callable[[], list[str]]]:
    """A run that goes on during the block, which gets a function that returns its warnings."""
    config = dask.run_config(same_environment=[SETTING])

    def run() -> bool:
        with run_job(waiting_job, instance, run_config=config, tags=marks.tags) as result:
            return result.success

    with ThreadPoolExecutor(1) as background:
        success = background.submit(run)
        try:
            wait_for(lambda: marks.of("waits") or success.done())
            yield lambda: warnings(instance)
        finally:
            (marks.folder / "go").touch()
        assert success.result()


def warnings(instance: DagsterInstance) -> list[str]:
    found = []
    for entry in entries(instance, instance.get_runs()[0].run_id):
        if entry.level == logging.WARNING:
            assert entry.dagster_event is not None
            assert entry.dagster_event.event_type is DagsterEventType.ENGINE_EVENT
            found.append(str(entry.dagster_event.message))
    return found


def expected(differences: str) -> str:
    return f"differs from the run's process: it has {differences}. Start it with the same"


def environment_with_dagster(version: str, folder: Path) -> Mapping[str, str]:
    """In which another version of dagster seems to be installed."""
    about = folder / f"dagster-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dagster\nVersion: {version}\n")
    return {"PYTHONPATH": f"{folder}:{PROJECT}"}


def test_of_two_workers_the_one_that_differs_is_named(
    own_cluster: Callable[..., DaskProcesses],
    instance: DagsterInstance,
    marks: Marks,
    tmp_path: Path,
) -> None:
    dask = own_cluster(1)
    other = environment_with_dagster("0.1", tmp_path)
    dask.start_workers(1, env={**other, SETTING: "s3://user:s3cret@there/data?key=s3cret"})
    with a_run(dask, instance, marks) as warnings_so_far:
        wait_for(warnings_so_far)
    (warning,) = warnings(instance)
    version = worker_check.facts([])["dagster"]
    differences = f"dagster 0.1 instead of {version}, {SETTING} s3://there/data instead of "
    assert expected(f"{differences}s3://here/data") in warning


def test_a_worker_that_joins_later_is_named(
    own_cluster: Callable[..., DaskProcesses], instance: DagsterInstance, marks: Marks
) -> None:
    dask = own_cluster(1)
    with a_run(dask, instance, marks) as warnings_so_far:
        assert warnings_so_far() == []
        dask.start_workers(1, env={SETTING: ""})
        wait_for(warnings_so_far)
    (warning,) = warnings(instance)
    assert expected(f"{SETTING} empty instead of s3://here/data") in warning


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (SETTING, "s3://other:word@here/data", f"another secret in {SETTING}"),
        (SETTING, None, f"{SETTING} missing instead of s3://here/data"),
        ("Python", "3.9.1", "Python 3.9.1 instead of "),
    ],
)
def test_differences_are_told_without_secrets(name: str, value: str | None, told: str) -> None:
    theirs = {**worker_check.facts([SETTING]), name: value}
    warning = worker_check.warning("tcp://worker", theirs, worker_check.facts([SETTING]))
    assert warning is not None
    assert told in warning
    assert "s3cret" not in warning
    assert "word" not in warning


def test_variables_that_are_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTS_SECRET_KEY", "s3cret")
    theirs = {**worker_check.facts([]), "TESTS_SECRET_KEY": "word"}
    warning = worker_check.warning("tcp://worker", theirs, worker_check.facts(["TESTS_SECRET_KEY"]))
    assert warning is not None
    assert "another secret in TESTS_SECRET_KEY" in warning


def test_no_bytecode_travels_to_workers() -> None:
    """Which another version of Python could not read."""
    for call in (by_name("os.getcwd"), worker_check.question([SETTING])):
        assert b"CodeType" not in cloudpickle.dumps(call)
        assert b"_make_function" not in cloudpickle.dumps(call)
        assert cloudpickle.loads(cloudpickle.dumps(call))()
