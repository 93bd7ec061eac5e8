"""How many steps a second the loop of one run can take, and how many workers that feeds.

    python -m benchmarks.replay 1600 --workers 64 256
    python -m benchmarks.replay 1600 --workers 64 256 --step-seconds 0.5 --postgres

First, a job of so many mapped steps is run on two real workers, and what they tell is recorded.
Then the run's process runs the same job, with a real Dask scheduler, on simulated workers that tell
the same. So its loop, the messages and the database are real, and one machine does for many.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
from dagster import DagsterInstance, execute_job
from dagster._core.definitions.reconstruct import ReconstructableJob
from distributed import Client

from benchmarks.replay_workers import Recording
from imagetl_assets.dask_executor.clusters.cluster import Cluster
from imagetl_assets.dask_executor.wire.messages import ForwardedEvent, Message, from_wire
from testbed.dask_cluster import AS_TOLD, DaskProcesses, dask_processes
from testbed.postgres import postgres
from testbed.processes import started

ROUNDS = 3


def record(instance: DagsterInstance, steps: int, folder: Path) -> Recording:
    """Run the job on two real workers; return what they have told."""
    messages: list[Message] = []
    hear = Cluster._hear_worker

    def record_and_hear(cluster: Cluster, event: tuple[float, Any]) -> None:
        message = from_wire(event[1])
        if message is not None:
            messages.append(message)
        hear(cluster, event)

    with (
        dask_processes(folder) as dask,
        mock.patch.object(Cluster, "_hear_worker", record_and_hear),
    ):
        run_id = _run(instance, dask.address, steps)
    batch: list[ForwardedEvent] = []
    of_steps: dict[str, list[ForwardedEvent]] = defaultdict(list)
    for message in messages:
        for event in message.events:
            assert event.row is not None, "these steps have events that are more than a row"
            if step_key := event.row["step_key"]:
                of_steps[step_key].append(event)
            elif message.batch == 1:
                batch.append(event)
    return Recording(run_id, batch, dict(of_steps))


def measure(instance: DagsterInstance, dask: DaskProcesses, steps: int) -> tuple[float, ...]:
    """Run the job; return seconds, and those of CPU of the run's process and the scheduler."""
    assert dask.scheduler is not None
    scheduler = psutil.Process(dask.scheduler.pid)
    begun, own, its = time.perf_counter(), _own_cpu(), _cpu(scheduler)
    _run(instance, dask.address, steps)
    return time.perf_counter() - begun, _own_cpu() - own, _cpu(scheduler) - its


def _run(instance: DagsterInstance, address: str, steps: int) -> str:
    config = {
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        "ops": {"numbers": {"config": {"count": steps}}},
        "execution": {"config": {"cluster": {"existing": {"address": address}}}},
    }
    job = ReconstructableJob.for_module("benchmarks.step_jobs", "mapped_ours")
    result = execute_job(job, instance, run_config=config)
    assert result.success
    return result.run_id


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _simulated(count: int, recording: Recording, seconds: float) -> Iterator[DaskProcesses]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder, "recording")
        file.write_bytes(pickle.dumps(recording))
        dask = DaskProcesses(Path(folder))
        stack.callback(dask.stop)
        dask.start_scheduler(env=AS_TOLD)
        program = [sys.executable, "-m", "benchmarks.replay_workers"]
        arguments = [dask.address, str(count), str(file), str(seconds)]
        stack.enter_context(started([*program, *arguments], {}, Path(folder, "workers.log")))
        with Client(dask.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=120)
        yield dask


@contextmanager
def _instance(folder: Path, *, on_postgres: bool) -> Iterator[DagsterInstance]:
    home = folder / "home"
    home.mkdir()
    overrides: dict[str, Any] = {"telemetry": {"enabled": False}}
    with ExitStack() as stack:
        if on_postgres:
            overrides["storage"] = stack.enter_context(postgres()).storage
        yield stack.enter_context(DagsterInstance.local_temp(str(home), overrides=overrides))


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay", description=__doc__)
    parser.add_argument("steps", type=int)
    parser.add_argument("--workers", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--step-seconds", type=float, default=0.0)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        instance = stack.enter_context(_instance(folder, on_postgres=options.postgres))
        recording = record(instance, options.steps, folder)
        for count in options.workers:
            with _simulated(count, recording, options.step_seconds) as dask:
                for _ in range(ROUNDS):
                    wall, own, its = measure(instance, dask, options.steps)
                    own, its = (seconds / options.steps * 1000 for seconds in (own, its))
                    print(
                        f"{count} workers: {options.steps / wall:.0f} steps/s; ms of CPU a step: "
                        f"{own:.2f} in the run's process, {its:.2f} in the scheduler",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
