"""Runs at the same time, each in a process of its own, without the start of Python for each."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from dagster import DagsterInstance, execute_job, reconstructable
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.instance.ref import InstanceRef


def run_at_the_same_time(
    count: int, job: Any, instance: DagsterInstance, **options: Any
) -> list[str]:
    """The ids of `count` runs of a job, after asserting that they have succeeded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "imagetl_assets.dask_executor.run.execution"])
    with ProcessPoolExecutor(count, mp_context=context) as processes:
        runs = [
            processes.submit(_run, reconstructable(job), instance.get_ref(), options)
            for _ in range(count)
        ]
        return [run.result() for run in runs]


def _run(job: ReconstructableJob, instance_ref: InstanceRef, options: dict[str, Any]) -> str:
    with DagsterInstance.from_ref(instance_ref) as instance:
        result = execute_job(job, instance=instance, **options)
        assert result.success
        return result.run_id
