"""The task that Dask runs: a batch of steps of a run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Worker, get_worker, rejoin, secede

from imagetl_assets.dask_executor.dagster_internals.instances import state_storage
from imagetl_assets.dask_executor.dagster_internals.names import DagsterExecutionInterruptedError
from imagetl_assets.dask_executor.wire.tasks import Header
from imagetl_assets.dask_executor.worker.interrupts import interruptible
from imagetl_assets.dask_executor.worker.isolation import run_in_a_process
from imagetl_assets.dask_executor.worker.place import Place
from imagetl_assets.dask_executor.worker.sender import MessageSender
from imagetl_assets.dask_executor.worker.steps import Setting, run_steps_of_batch
from imagetl_assets.dask_executor.worker.unpacking import (
    CannotRun,
    open_instance,
    open_job,
    unpickled,
)

_one_batch = threading.Lock()


def run_batch(header: Header, run_pickle: bytes, batch_pickle: bytes) -> None:
    """Run a pickled `Batch` of a pickled `RunSpec`. All that happens is told by messages.

    Dask starts this task again if the worker is lost. The second start notices that and does
    nothing, as the run's process decides what is run again.
    """
    worker: Any = get_worker()  # Dask types its loop as one without an asyncio loop.
    sender = MessageSender(worker, header)
    place = Place.of(worker)
    try:
        spec, batch = unpickled(place, header, run_pickle, batch_pickle)
        with _one_batch_at_a_time(), interruptible(header["token"]):
            claim = asyncio.run_coroutine_threadsafe(
                _claim(worker, header, sender.execution), worker.loop.asyncio_loop
            )
            loaded = open_instance(spec, place)
            # What an isolated step needs may not even be installed here.
            job = None if batch.isolation else open_job(spec, loaded, place)
            if not claim.result():
                sender.started_twice()
                return
            with (
                state_storage(loaded.instance),
                loaded.forwarder.forward(spec.dagster_run.run_id, sender),
            ):
                if job is None:
                    given = (header, run_pickle, batch_pickle)
                    run_in_a_process(given, spec.dagster_run, batch, loaded.instance, sender)
                else:
                    run_steps_of_batch(spec, batch, Setting(job, loaded, sender, place))
    except CannotRun as reason:
        sender.refused(str(reason))
    except DagsterExecutionInterruptedError:
        sender.ended()


@contextmanager
def _one_batch_at_a_time() -> Iterator[None]:
    """While open, no other batch runs in this process.

    Dagster is not thread-safe, and its capture of compute logs redirects the output of the whole
    process: so a worker with several threads runs one batch at a time, too.

    A step may compute with Dask on the cluster that it runs on. Dask then lets the next task of the
    worker start, which can be another batch. If that batch kept the worker's thread while it waits,
    the tasks that the step waits for could not run. So it leaves its place in the worker's thread
    pool to them (`secede`), and takes it back once it is its turn (`rejoin`).
    """
    if not _one_batch.acquire(blocking=False):
        secede()
        _one_batch.acquire()
        rejoin()
    try:
        yield
    finally:
        _one_batch.release()


async def _claim(worker: Worker, header: Header, execution: str) -> bool:
    """Return whether this is the first start of the batch, by a note left with the scheduler.

    The two remote calls are those behind Client.get_metadata and Client.set_metadata.
    """
    keys = [header["token"], header["batch"]]
    if await worker.scheduler.get_metadata(keys=keys, default=None) is not None:
        return False
    await worker.scheduler.set_metadata(keys=keys, value=execution)
    return True
