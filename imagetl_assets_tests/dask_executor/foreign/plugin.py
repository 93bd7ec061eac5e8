"""A plugin of pytest: puts this executor in the place of Dagster's, for Dagster's own tests.

It replaces the method `execute` of Dagster's in-process and multiprocess executors. So it does not
matter how a test executes a run. Each run gets a Dask cluster of its own (see `forked_cluster`).

Options: `--executor own|dask`, `--results FILE` (a line of JSON for each test: its name, what came
of it, and how many runs it has executed), `--tests FILE` (names of the tests to run), `--parts N`
(only one of so many parts of them) and `--threads FILE` (those whose worker is to be a thread of
the test's process).
"""

from __future__ import annotations

import functools
import json
import logging
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from dagster import DagsterInstance
from dagster._core.execution.context.system import PlanOrchestrationContext, StepExecutionContext
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.executor.multiprocess import MultiprocessExecutor
from dagster._core.storage.defs_state.base import _current_storage
from dagster._core.storage.mem_io_manager import InMemoryIOManager

from imagetl_assets.dask_executor.config import ExecutorConfig
from imagetl_assets.dask_executor.executor import DaskExecutor
from imagetl_assets_tests.dask_executor.foreign.carried import (
    Carried,
    CarriedOutputs,
    JobStandIn,
    stand_in,
)
from imagetl_assets_tests.dask_executor.foreign.forked_cluster import forked_cluster
from imagetl_assets_tests.dask_executor.foreign.suite import one_of
from testbed.dagster_runs import local_instance

# What is replaced in these is what they import, so it is no part of their interface.
batch: Any = import_module("imagetl_assets.dask_executor.worker.batch")
unpacking: Any = import_module("imagetl_assets.dask_executor.worker.unpacking")
steps: Any = import_module("imagetl_assets.dask_executor.worker.steps")


class State:
    """What the plugin knows of the test at hand."""

    executor = "own"
    tests: frozenset[str] | None = None
    threads: frozenset[str] = frozenset()
    test = ""
    runs = 0
    folder: Path | None = None
    carried: Carried
    on_worker = False  # of this process
    in_batch = threading.local()  # of this thread


def pytest_addoption(parser: pytest.Parser) -> None:
    _stand_in_for_packages()  # Before their conftest is imported.
    for name in ("--executor", "--results", "--tests", "--threads"):
        parser.addoption(name)
    parser.addoption("--parts", type=int, default=1)


def pytest_configure(config: pytest.Config) -> None:
    State.executor = config.getoption("--executor") or "own"
    if tests := config.getoption("--tests"):
        State.tests = _names(tests)
    if threads := config.getoption("--threads"):
        State.threads = _names(threads)
    _count_runs(InProcessExecutor)
    _count_runs(MultiprocessExecutor)
    if State.executor == "dask":
        _replace()


def pytest_unconfigure() -> None:
    if State.folder is not None:
        shutil.rmtree(State.folder, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if State.tests is not None:
        items[:] = [item for item in items if item.nodeid in State.tests]
    chosen = set(one_of(config.getoption("--parts"), [item.nodeid for item in items]))
    items[:] = [item for item in items if item.nodeid in chosen]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    State.test, State.runs = item.nodeid, 0
    # Where a test before has left an instance open, definitions look for their state in it.
    _current_storage.set(None)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if report.when != "call" and report.passed:
        return
    results = item.config.getoption("--results")
    if results:
        line = {"test": item.nodeid, "outcome": report.outcome, "runs": State.runs}
        if report.failed:
            line["error"] = str(getattr(report.longrepr, "reprcrash", report.longrepr))[:300]
        with Path(results).open("a") as file:
            file.write(json.dumps(line) + "\n")


def _names(file: str) -> frozenset[str]:
    return frozenset(Path(file).read_text().splitlines())


def _stand_in_for_packages() -> None:
    """Let modules be imported that need what is not published, or not installed for two tests."""
    dagster_test = "dagster_test.dg_utils.utils"
    for name in ("dagster_test", "dagster_test.dg_utils", dagster_test, "objgraph"):
        sys.modules.setdefault(name, ModuleType(name))
    sys.modules[dagster_test].scrub_tox_uv_project_environment = lambda: None  # type: ignore[attr-defined]


def _count_runs(executor: Any) -> None:
    execute = executor.execute

    @functools.wraps(execute)
    def counting(self: Any, *arguments: Any) -> Any:
        State.runs += 1
        return execute(self, *arguments)

    executor.execute = counting


def _replace() -> None:
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    State.folder = Path(tempfile.mkdtemp(prefix="foreign-"))
    home = State.folder / "empty"
    home.mkdir()
    with local_instance(home) as instance:
        instance.get_runs()
    for executor in (InProcessExecutor, MultiprocessExecutor):
        _replace_executor(executor)
    _replace_ephemeral(home)
    _carry_jobs()
    _carry_exceptions()
    _carry_memory()


def _replace_executor(executor: Any) -> None:
    own = executor.execute

    def execute(self: Any, context: Any, plan: Any) -> Iterator[Any]:
        if State.on_worker or getattr(State.in_batch, "now", False):
            yield from own(self, context, plan)  # A step that executes a run itself.
            return
        State.runs += 1
        State.carried = carried = Carried(Path(tempfile.mkdtemp(dir=State.folder)))
        in_thread = State.test in State.threads
        stand_in(context.job)  # So that copies of this process have it.
        with forked_cluster(str(carried.folder), in_thread, _note_worker) as address:
            config = ExecutorConfig(
                cluster_kind="existing",
                cluster_options={"address": address},
                retries=self.retries,
                step_dependency=self.step_dependency_config,
                max_concurrent=getattr(self, "_max_concurrent", None),
                tag_concurrency_limits=getattr(self, "_tag_concurrency_limits", []),
            )
            for event in DaskExecutor(config).execute(context, plan):
                yield event
                if event.is_step_failure and context.raise_on_error:
                    _take_outputs(context, carried)
                    _raise(carried, event)
        _take_outputs(context, carried)

    executor.execute = execute


def _note_worker() -> None:
    State.on_worker = True


def _take_outputs(context: Any, carried: Carried) -> None:
    if context.output_capture is not None:
        context.output_capture.update(carried.all("output"))


def _raise(carried: Carried, failure: Any) -> None:
    try:
        error = carried.get("exception", failure.step_key)
    except KeyError:
        return
    raise error


def _replace_ephemeral(home: Path) -> None:
    """Have instances that live in memory live in a folder, so that workers see them."""
    ephemeral = DagsterInstance.ephemeral

    def in_folder(
        tempdir: str | None = None, preload: Any = None, settings: Any = None
    ) -> DagsterInstance:
        if preload or State.on_worker:
            return ephemeral(tempdir, preload, settings)
        folder = Path(tempdir or tempfile.mkdtemp(dir=State.folder))
        shutil.copytree(home, folder, dirs_exist_ok=True)
        return local_instance(folder, **(settings or {}))

    DagsterInstance.ephemeral = in_folder  # type: ignore[method-assign]


def _carry_jobs() -> None:
    reconstructable = PlanOrchestrationContext.reconstructable_job.fget  # type: ignore[attr-defined]
    load_job, run_batch = unpacking.load_job, batch.run_batch

    def job_or_stand_in(self: Any) -> Any:
        return reconstructable(self) if hasattr(self.job, "repository") else stand_in(self.job)

    def load(job: Any, load_data: Any) -> Any:
        return job.loaded() if isinstance(job, JobStandIn) else load_job(job, load_data)

    def run(*arguments: Any) -> None:
        State.in_batch.now = True
        try:
            run_batch(*arguments)
        finally:
            State.in_batch.now = False

    PlanOrchestrationContext.reconstructable_job = property(job_or_stand_in)  # type: ignore[method-assign,assignment]
    unpacking.load_job, batch.run_batch = load, run


def _carry_exceptions() -> None:
    capture = StepExecutionContext.capture_step_exception

    def carry(self: Any, exception: BaseException) -> None:
        if State.on_worker or getattr(State.in_batch, "now", False):
            State.carried.put("exception", self.step.key, exception)
        capture(self, exception)

    StepExecutionContext.capture_step_exception = carry  # type: ignore[method-assign]


def _carry_memory() -> None:
    """Carry the outputs of steps, and what the IO manager keeps in memory."""
    manager: Any = steps.PlanExecutionContextManager

    def with_outputs(**arguments: Any) -> Any:
        return manager(**arguments, output_capture=CarriedOutputs(State.carried))

    def handle_output(self: Any, context: Any, value: Any) -> None:
        self.values[tuple(context.get_identifier())] = value
        State.carried.put("value", tuple(context.get_identifier()), value)

    def load_input(self: Any, context: Any) -> Any:
        key = tuple(context.get_identifier())
        return self.values[key] if key in self.values else State.carried.get("value", key)

    captured_output = steps.captured_output

    @contextmanager
    def capture(instance: Any, run: Any) -> Iterator[Any]:
        if State.on_worker:
            with captured_output(instance, run) as captured:
                yield captured
        else:  # The output of this process is that of pytest.
            yield None

    steps.captured_output = capture
    steps.PlanExecutionContextManager = with_outputs
    in_memory: Any = InMemoryIOManager
    in_memory.handle_output, in_memory.load_input = handle_output, load_input
