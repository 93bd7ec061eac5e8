"""Real Dask clusters: scheduler and workers as processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.dagster_runs import Marks
from testbed.dask_cluster import DaskProcesses, dask_processes


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """Two workers with one thread each, shared by the tests that do not harm it."""
    with dask_processes(tmp_path_factory.mktemp("dask")) as processes:
        yield processes


@pytest.fixture(scope="package")
def one_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """One worker with one thread, for the tests in which a worker's steps could disturb others."""
    with dask_processes(tmp_path_factory.mktemp("dask"), 1) as processes:
        yield processes


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Callable[..., DaskProcesses]]:
    """Starts clusters for one test: `own_cluster(workers, *worker_options)`."""
    started: list[DaskProcesses] = []

    def start(workers: int = 2, *options: str) -> DaskProcesses:
        folder = tmp_path / f"dask{len(started)}"
        folder.mkdir()
        processes = DaskProcesses(folder)
        started.append(processes)
        processes.start_scheduler()
        if workers:
            processes.start_workers(workers, *options)
        return processes

    yield start
    for processes in started:
        processes.stop()


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    """What the ops of a run leave behind; pass `tags=marks.tags` to the run."""
    folder = tmp_path / "marks"
    folder.mkdir()
    return Marks(folder)
