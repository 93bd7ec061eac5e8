"""How workers are set that are started for a run."""

import multiprocessing
import os

import dask
import pytest
from dagster import DagsterInstance, job, op

from imagetl_assets.dask_executor import dask_executor
from testbed.dagster_runs import run_job

LOCAL = {"execution": {"config": {"cluster": {"local": {"n_workers": 1}}}}}
PROFILER = "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED"
TICK = "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL"
KEPT, LARGE = "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"


@op
def settings() -> list[str | None]:
    profiled = dask.config.get("distributed.worker.profile.enabled")
    tick = dask.config.get("distributed.admin.tick.interval")
    return [str(profiled), tick, os.environ.get(KEPT), os.environ.get(LARGE)]


@op
def starts_a_process() -> int | None:
    process = multiprocessing.get_context("spawn").Process(target=int)
    process.start()
    process.join()
    return process.exitcode


@job(executor_def=dask_executor)
def settings_job() -> None:
    settings()
    starts_a_process()


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (PROFILER, TICK, KEPT, LARGE):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, ["False", "200ms", "33554432", "16777216"]),
        (
            {PROFILER: "true", TICK: "20ms", KEPT: "65536", LARGE: "131072"},
            ["True", "20ms", "65536", "131072"],
        ),
    ],
)
def test_workers_of_a_local_cluster_are_set_for_steps_unless_the_user_says_otherwise(
    chosen: dict[str, str],
    expected: list[str],
    instance: DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    with run_job(settings_job, instance, run_config=LOCAL) as result:
        assert result.output_for_node("settings") == expected
        assert result.output_for_node("starts_a_process") == 0
