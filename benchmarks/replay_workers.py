"""Simulated workers: they run no step, but tell what the same steps told in an earlier run.

    python -m benchmarks.replay_workers SCHEDULER COUNT RECORDING SECONDS

All of them are in this one process. Each takes the batches that it is given, waits for some seconds
for each step, and sends the messages that a worker sends.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import dask
from distributed import Worker, get_worker

from imagetl_assets.dask_executor.wire.messages import ForwardedEvent
from imagetl_assets.dask_executor.wire.tasks import Batch, Header, RunSpec
from imagetl_assets.dask_executor.worker import batch as worker_batch
from imagetl_assets.dask_executor.worker.sender import MessageSender

# So many workers in one process would do little else than look at themselves.
QUIET = {
    "distributed.admin.system-monitor.interval": "60s",
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
}


@dataclass(frozen=True)
class Recording:
    """What workers told in a run.

    Attributes:
        run_id: of that run.
        batch: the events of a batch itself.
        steps: the events of each step, by its key.
    """

    run_id: str
    batch: Sequence[ForwardedEvent]
    steps: Mapping[str, Sequence[ForwardedEvent]]


class Simulation:
    """Takes the place of `run_batch` for all workers of this process."""

    def __init__(self, recording: Recording, seconds: float) -> None:
        self._recording = recording
        self._seconds = seconds

    def run_batch(self, header: Header, run_pickle: bytes, batch_pickle: bytes) -> None:
        """Tell what the steps of a batch have told, about the run that asks for them now."""
        spec: RunSpec = pickle.loads(run_pickle)
        batch: Batch = pickle.loads(batch_pickle)
        run_id = spec.dagster_run.run_id
        sender = MessageSender(get_worker(), header)
        self._tell(sender, self._recording.batch, run_id)
        told = sender.begun()
        for number, key in enumerate(batch.step_keys, 1):
            told.result()
            time.sleep(self._seconds)
            self._tell(sender, self._recording.steps[key], run_id)
            if number < len(batch.step_keys):
                told = sender.progress()
        sender.ended()

    def _tell(self, sender: MessageSender, events: Sequence[ForwardedEvent], run_id: str) -> None:
        for event in events:
            row = event.row
            assert row is not None
            text = row["event"].replace(self._recording.run_id, run_id)
            sender.add(replace(event, row={**row, "run_id": run_id, "event": text}))


async def _work(scheduler: str, count: int) -> None:
    async with AsyncExitStack() as stack:
        workers = [Worker(scheduler, nthreads=1, name=f"simulated-{n}") for n in range(count)]
        await asyncio.gather(*(stack.enter_async_context(worker) for worker in workers))
        await asyncio.gather(*(worker.finished() for worker in workers))


def main() -> None:
    """Work until the scheduler is gone."""
    scheduler, count, recording, seconds = sys.argv[1:]
    simulation = Simulation(pickle.loads(Path(recording).read_bytes()), float(seconds))
    worker_batch.run_batch = simulation.run_batch
    with dask.config.set(QUIET):
        asyncio.run(_work(scheduler, int(count)))


if __name__ == "__main__":
    main()
