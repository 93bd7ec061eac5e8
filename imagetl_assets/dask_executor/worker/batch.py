"""The task that Dask runs: a batch of steps of a run."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from distributed import Worker, get_worker, rejoin, secede

from imagetl_assets.dask_executor.dagster_internals.instances import place_of, state_storage
from imagetl_assets.dask_executor.dagster_internals.names import DagsterExecutionInterruptedError
from imagetl_assets.dask_executor.wire import versions
from imagetl_assets.dask_executor.wire.tasks import Batch, Header, RunSpec
from imagetl_assets.dask_executor.worker.interrupts import interruptible
from imagetl_assets.dask_executor.worker.loaded_job import LoadedJob
from imagetl_assets.dask_executor.worker.loading import LoadedInstance, load_instance, load_job
from imagetl_assets.dask_executor.worker.sender import MessageSender
from imagetl_assets.dask_executor.worker.steps import run_steps_of_batch, worker_name

_one_batch = threading.Lock()


class CannotRun(Exception):
    """This worker cannot run the job at all. The message says why and what to do."""


def run_batch(header: Header, run_pickle: bytes, batch_pickle: bytes) -> None:
    """Run a pickled `Batch` of a pickled `RunSpec`. All that happens is told by messages.

    Dask starts this task again if the worker is lost. The second start notices that and does
    nothing, as the run's process decides what is run again.
    """
    worker: Any = get_worker()  # Dask types its loop as one without an asyncio loop.
    sender = MessageSender(worker, header)
    try:
        spec, batch = _unpickled(worker, header, run_pickle, batch_pickle)
        with _one_batch_at_a_time(), interruptible(header["token"]):
            claim = asyncio.run_coroutine_threadsafe(
                _claim(worker, header, sender.execution), worker.loop.asyncio_loop
            )
            job, loaded = _load(spec, worker)
            if not claim.result():
                sender.started_twice()
                return
            with (
                state_storage(loaded.instance),
                loaded.forwarder.forward(spec.dagster_run.run_id, sender),
            ):
                run_steps_of_batch(spec, batch, job, loaded, sender)
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


def _unpickled(
    worker: Worker, header: Header, run_pickle: bytes, batch_pickle: bytes
) -> tuple[RunSpec, Batch]:
    """Return what this worker was given, once its versions were compared."""
    where = f"Dask worker {worker_name(worker)}"
    theirs = header["versions"]
    if refusal := versions.refusal(theirs):
        raise CannotRun(
            f"{where} cannot read what the run's process sends: it has {refusal}. "
            "Start it with the same versions."
        )
    try:
        return _run_spec(run_pickle), pickle.loads(batch_pickle)
    except Exception as error:
        difference = versions.difference(theirs)
        reason = f"it has {difference}" if difference else "its code may be another"
        raise CannotRun(
            f"{where} cannot read what the run's process sends ({type(error).__name__}: {error}): "
            f"{reason}. Install the code of this run on the worker, with the same versions."
        ) from error


@lru_cache(maxsize=8)
def _run_spec(run_pickle: bytes) -> RunSpec:
    spec: RunSpec = pickle.loads(run_pickle)
    return spec


async def _claim(worker: Worker, header: Header, execution: str) -> bool:
    """Return whether this is the first start of the batch, by a note left with the scheduler.

    The two remote calls are those behind Client.get_metadata and Client.set_metadata.
    """
    keys = [header["token"], header["batch"]]
    if await worker.scheduler.get_metadata(keys=keys, default=None) is not None:
        return False
    await worker.scheduler.set_metadata(keys=keys, value=execution)
    return True


def _load(spec: RunSpec, worker: Worker) -> tuple[LoadedJob, LoadedInstance]:
    where = f"Dask worker {worker_name(worker)}"
    try:
        loaded = load_instance(spec.instance_ref)
        knows_run = loaded.knows_run(spec.dagster_run.run_id)
    except Exception as error:
        raise CannotRun(
            f"{where} cannot open the run's Dagster instance: {type(error).__name__}: {error}. "
            "Workers need access to the storage that dagster.yaml names."
        ) from error
    if not knows_run:
        raise CannotRun(
            f"{where} has another Dagster instance than the run's process: the one at "
            f"{place_of(loaded.instance)} has no run {spec.dagster_run.run_id}. Have dagster.yaml "
            "name a folder that the worker's host shares, or PostgreSQL, and set the environment "
            "variables that it names to the same values for the worker."
        )
    try:
        with state_storage(loaded.instance):
            job = load_job(spec.job, spec.repository_load_data)
    except Exception as error:
        raise CannotRun(
            f"{where} cannot load job {spec.job.job_name!r}: {type(error).__name__}: {error}. "
            "Install the code of this run on the worker, or make it importable there."
        ) from error
    if spec.code_version != job.code_version and None not in (spec.code_version, job.code_version):
        raise CannotRun(
            f"{where} has another version of the code of job {spec.job.job_name!r} loaded than "
            f"the run's process ({job.code_version} instead of {spec.code_version}). "
            "Deploy the same code to both and restart the worker."
        )
    return job, loaded
