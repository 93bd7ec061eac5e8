"""What a trivial step costs on the Dask executor, compared with Dagster's own executors."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any

from dagster import DagsterInstance, execute_job
from dagster._core.definitions.reconstruct import ReconstructableJob

from benchmarks.bench import Bench, Job, timed
from benchmarks.contenders import ContenderFailed
from benchmarks.environments import NotInstallable, versions
from benchmarks.pipelines import IMAGETL, MULTIPROCESS
from benchmarks.results import OURS
from testbed.dask_cluster import dask_processes

JOBS = "benchmarks.step_jobs"
DAGSTER_DASK = "dagster-dask"


def steps(bench: Bench) -> None:
    """Measure jobs of trivial steps on a warm cluster of processes."""
    with ExitStack() as stack:
        home = bench.folder / "dagster_home"
        home.mkdir()
        instance = stack.enter_context(
            DagsterInstance.local_temp(str(home), overrides={"telemetry": {"enabled": False}})
        )
        dask = stack.enter_context(dask_processes(bench.folder))
        measured = _Steps(instance, {"cluster": {"existing": {"address": dask.address}}})
        _note_versions(bench)
        bench.in_turns(_jobs(measured, quick=bench.quick))


def _jobs(steps: _Steps, *, quick: bool) -> list[Job]:
    static, retried = "28 static steps", "28 steps, each retried once"
    once: dict[str, Any] = {"rounds": 1, "warm_up": False}
    jobs = [
        Job(static, OURS, steps.static("static_ours")),
        Job(static, DAGSTER_DASK, steps.static("static_dagster_dask")),
        Job(retried, OURS, steps.static("retried_ours")),
        Job(_mapped(27), OURS, steps.mapped("mapped_ours", 27)),
    ]
    if quick:
        return jobs
    return [
        *jobs,
        Job(_mapped(1000), OURS, steps.mapped("mapped_ours", 1000), rounds=3, warm_up=False),
        Job(_mapped(5000), OURS, steps.mapped("mapped_ours", 5000), **once),
        Job(static, MULTIPROCESS.name, steps.static("static_multiprocess"), **once),
        Job(retried, MULTIPROCESS.name, steps.static("retried_multiprocess"), **once),
        Job(_mapped(27), MULTIPROCESS.name, steps.mapped("mapped_multiprocess", 27), **once),
    ]


def _mapped(count: int) -> str:
    return f"{count:,} mapped steps"


def _note_versions(bench: Bench) -> None:
    own, told = IMAGETL.interpreter(), bench.measurement.versions
    told[OURS] = versions(own, IMAGETL.packages)
    told[MULTIPROCESS.name] = versions(own, MULTIPROCESS.packages)
    try:
        told[DAGSTER_DASK] = versions(own, ("dagster-dask",))
    except NotInstallable as error:
        bench.skip(DAGSTER_DASK, str(error))


class _Steps:
    """Runs the jobs; all of them on the same instance and cluster."""

    def __init__(self, instance: DagsterInstance, cluster: dict[str, Any]) -> None:
        self._instance = instance
        self._cluster = cluster

    def static(self, job: str) -> Any:
        return timed(partial(self._run, job, {}))

    def mapped(self, job: str, count: int) -> Any:
        config = {"ops": {"numbers": {"config": {"count": count}}}}
        return timed(partial(self._run, job, config))

    def _run(self, name: str, config: dict[str, Any]) -> None:
        run_config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **config}
        if not name.endswith("multiprocess"):
            run_config["execution"] = {"config": self._cluster}
        job = ReconstructableJob.for_module(JOBS, name)
        if not execute_job(job, self._instance, run_config=run_config).success:
            raise ContenderFailed(f"the job {name} failed")
