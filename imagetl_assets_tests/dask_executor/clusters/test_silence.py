"""A worker that is frozen or cut off, and one that takes long to start."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from dagster import DagsterInstance

from imagetl_assets.dask_executor.clusters.heartbeats import Heartbeats
from imagetl_assets_tests.dask_executor.jobs import mark_job, waiting_job
from testbed.dagster_runs import Marks, run_job
from testbed.dask_cluster import DaskProcesses, with_group
from testbed.processes import wait_for


def test_a_worker_whose_heartbeats_stop_is_taken_for_lost(
    own_cluster: Callable[..., DaskProcesses], instance: DagsterInstance, marks: Marks
) -> None:
    """Its connection stays open, as that of a host without power does."""
    dask = own_cluster(1, "--no-nanny")
    config = dask.run_config(worker_silence=6)
    with ThreadPoolExecutor(1) as background:
        run = background.submit(
            lambda: run_job(waiting_job, instance, run_config=config, tags=marks.tags)
        )
        wait_for(lambda: marks.of("waits"))
        with_group(dask.workers[0], signal.SIGSTOP)
        dask.start_workers(1, "--no-nanny")
        wait_for(lambda: len(marks.of("waits")) == 2)
        (marks.folder / "go").touch()
        assert run.result().success


def test_a_worker_that_is_starting_has_longer_than_none(
    instance: DagsterInstance, marks: Marks
) -> None:
    slow = {"n_workers": 1, "preload": ["import time; time.sleep(8)"]}
    config = {"execution": {"config": {"cluster": {"local": slow}, "worker_timeout": 6}}}
    with run_job(mark_job, instance, run_config=config, tags=marks.tags) as result:
        assert result.success


def test_silence_is_counted_from_the_last_change_by_ones_own_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    seen = Heartbeats()
    seen.note({"a": {"last_seen": 5.0}, "b": {"last_seen": 5.0}, "c": {}})
    now = 1060.0
    seen.note({"a": {"last_seen": 5.0}, "b": {"last_seen": 5.5}, "c": {}})
    now = 1091.0
    assert seen.silent(90) == ["a"]
    assert seen.silent(90) == []
    seen.note({"b": {"last_seen": 5.5}})
    now = 1151.0
    assert seen.silent(90) == ["b"]
