"""What a process makes of what it is given, before it runs steps: it may refuse, and says why."""

from __future__ import annotations

import pickle
from functools import lru_cache

from imagetl_assets.dask_executor.dagster_internals.instances import place_of, state_storage
from imagetl_assets.dask_executor.wire import versions
from imagetl_assets.dask_executor.wire.tasks import Batch, Header, RunSpec
from imagetl_assets.dask_executor.worker.loaded_job import LoadedJob
from imagetl_assets.dask_executor.worker.loading import LoadedInstance, load_instance, load_job
from imagetl_assets.dask_executor.worker.place import Place


class CannotRun(Exception):
    """This process cannot run the job at all. The message says why and what to do."""


def unpickled(
    place: Place, header: Header, run_pickle: bytes, batch_pickle: bytes
) -> tuple[RunSpec, Batch]:
    """Return what this process was given, once its versions were compared.

    Raises:
        CannotRun: it has other versions, or other code.
    """
    theirs = header["versions"]
    if refusal := versions.refusal(theirs):
        raise CannotRun(
            f"{place} cannot read what the run's process sends: it has {refusal}. "
            "Start it with the same versions."
        )
    try:
        return _run_spec(run_pickle), pickle.loads(batch_pickle)
    except Exception as error:
        difference = versions.difference(theirs)
        reason = f"it has {difference}" if difference else "its code may be another"
        raise CannotRun(
            f"{place} cannot read what the run's process sends "
            f"({type(error).__name__}: {error}): {reason}. "
            "Install the code of this run on the worker, with the same versions."
        ) from error


@lru_cache(maxsize=8)
def _run_spec(run_pickle: bytes) -> RunSpec:
    spec: RunSpec = pickle.loads(run_pickle)
    return spec


def open_instance(spec: RunSpec, place: Place) -> LoadedInstance:
    """Return the run's instance.

    Raises:
        CannotRun: it cannot be opened, or does not hold the run.
    """
    try:
        loaded = load_instance(spec.instance_ref)
        knows_run = loaded.knows_run(spec.dagster_run.run_id)
    except Exception as error:
        raise CannotRun(
            f"{place} cannot open the run's Dagster instance: {type(error).__name__}: "
            f"{error}. Workers need access to the storage that dagster.yaml names."
        ) from error
    if not knows_run:
        raise CannotRun(
            f"{place} has another Dagster instance than the run's process: the one at "
            f"{place_of(loaded.instance)} has no run {spec.dagster_run.run_id}. Have dagster.yaml "
            "name a folder that the worker's host shares, or PostgreSQL, and set the environment "
            "variables that it names to the same values for the worker."
        )
    return loaded


def open_job(spec: RunSpec, loaded: LoadedInstance, place: Place) -> LoadedJob:
    """Return the run's job.

    Raises:
        CannotRun: it cannot be loaded, or its code is not that of the run's process.
    """
    try:
        with state_storage(loaded.instance):
            job = load_job(spec.job, spec.repository_load_data)
    except Exception as error:
        raise CannotRun(
            f"{place} cannot load job {spec.job.job_name!r}: {type(error).__name__}: "
            f"{error}. Install the code of this run on the worker, or make it importable there."
        ) from error
    if spec.code_version != job.code_version and None not in (spec.code_version, job.code_version):
        raise CannotRun(
            f"{place} has another version of the code of job {spec.job.job_name!r} loaded "
            f"than the run's process ({job.code_version} instead of {spec.code_version}). "
            "Deploy the same code to both and restart the worker."
        )
    return job
