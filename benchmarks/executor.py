"""What a step costs on the Dask executor, next to dagster-dask's and Dagster's multiprocess one.

    python -m benchmarks.executor

Runs on a warm cluster of 2 workers with 1 thread each, with a Dagster instance on SQLite. What is
compared is run in turns, A B A B, after one round that does not count; the figures are medians.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from dagster import DagsterEventType, DagsterInstance, execute_job
from dagster._core.definitions.reconstruct import ReconstructableJob

from imagetl_assets_tests.dask_executor.processes import dask_processes

JOBS = "benchmarks.executor_jobs"
STATIC_STEPS = 28


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mapped", type=int, nargs="*", default=[1000, 5000])
    parser.add_argument("--multiprocess", type=int, default=1, help="rounds of 95 s or so each")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = folder / "dagster_home"
        home.mkdir()
        instance = stack.enter_context(
            DagsterInstance.local_temp(str(home), overrides={"telemetry": {"enabled": False}})
        )
        dask = stack.enter_context(dask_processes(folder))
        bench = Bench(instance, dask.address, options.rounds)
        bench.static_steps()
        bench.retries()
        bench.start()
        bench.mapped_steps(options.mapped)
        if options.multiprocess:
            bench.multiprocess(options.multiprocess)


class Bench:
    """One instance and one cluster for all figures."""

    def __init__(self, instance: DagsterInstance, address: str, rounds: int) -> None:
        self.instance = instance
        self.rounds = rounds
        self.cluster = {"cluster": {"existing": {"address": address}}}

    def static_steps(self) -> None:
        ours, theirs = self.in_turns(
            self.rounds, lambda: self.run("static_ours"), lambda: self.run("static_dagster_dask")
        )
        print(
            f"{STATIC_STEPS} trivial steps: {ours:.2f} s, dagster-dask {theirs:.2f} s, "
            f"1/{theirs / ours:.1f} of its time",
            flush=True,
        )

    def retries(self) -> None:
        once, twice = self.in_turns(
            self.rounds, lambda: self.run("static_ours"), lambda: self.run("retried_ours")
        )
        print(
            f"{STATIC_STEPS} steps that fail once and are retried: {twice:.2f} s, "
            f"{twice / once:.2f} times that of as many steps ({once:.2f} s)",
            flush=True,
        )

    def start(self) -> None:
        starts = []
        for _ in range(self.rounds):
            starts.append(self.run("static_ours", until=DagsterEventType.STEP_START))
        print(f"from the run's start to its first step: {median(starts):.2f} s", flush=True)

    def mapped_steps(self, counts: list[int]) -> None:
        for count in counts:
            seconds = [self.mapped("mapped_ours", count) for _ in range(self.rounds)]
            per_step = median(seconds) / count * 1000
            print(
                f"{count} mapped steps: {median(seconds):.1f} s, {per_step:.1f} ms each", flush=True
            )

    def multiprocess(self, rounds: int) -> None:
        ours = median(self.mapped("mapped_ours", 27) for _ in range(self.rounds))
        theirs = median(self.mapped("mapped_multiprocess", 27) for _ in range(rounds))
        print(
            f"27 mapped steps: {ours:.2f} s, multiprocess executor {theirs:.1f} s, "
            f"{theirs / ours:.0f} times as long",
            flush=True,
        )

    def mapped(self, job: str, count: int) -> float:
        return self.run(job, {"ops": {"numbers": {"config": {"count": count}}}})

    def run(
        self,
        job_name: str,
        config: dict[str, Any] | None = None,
        until: DagsterEventType | None = None,
    ) -> float:
        """Seconds that a run took, or the time from its start until its first event of a type."""
        run_config: dict[str, Any] = {
            "loggers": {"console": {"config": {"log_level": "ERROR"}}},
            **(config or {}),
        }
        if not job_name.endswith("multiprocess"):
            run_config["execution"] = {"config": self.cluster}
        begin = time.time()
        job = ReconstructableJob.for_module(JOBS, job_name)
        with execute_job(job, self.instance, run_config=run_config) as result:
            end = time.time()
            assert result.success
            if until is not None:
                logs = self.instance.all_logs(result.run_id, of_type=until)
                end = min(log.timestamp for log in logs)
        return end - begin

    def in_turns(self, rounds: int, *runs: Callable[[], float]) -> list[float]:
        """The median seconds of each."""
        seconds: list[list[float]] = [[] for _ in runs]
        for counts in [False] + [True] * rounds:
            for run, taken in zip(runs, seconds, strict=True):
                figure = run()
                if counts:
                    taken.append(figure)
        return [median(taken) for taken in seconds]


if __name__ == "__main__":
    main()
