"""What a worker process keeps between batches: the Dagster instance and the loaded definitions."""

from __future__ import annotations

import gc
import pickle
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from dagster import DagsterInstance, RepositoryDefinition

from imagetl_assets.dask_executor.dagster_internals.instances import state_storage
from imagetl_assets.dask_executor.dagster_internals.names import serialize_value
from imagetl_assets.dask_executor.dagster_internals.prepare import (
    prepare_instance,
    prepare_partitions,
    prepare_steps,
    prepare_storages,
)
from imagetl_assets.dask_executor.wire.code_version import code_version
from imagetl_assets.dask_executor.worker.forwarding import EventForwarder
from imagetl_assets.dask_executor.worker.loaded_job import LoadedJob

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.dagster_internals.names import (
        InstanceRef,
        ReconstructableJob,
        RepositoryLoadData,
    )

T = TypeVar("T")


@dataclass
class LoadedInstance:
    """An instance, and what takes the events from it."""

    instance: DagsterInstance
    forwarder: EventForwarder
    _known_run: str | None = None

    def knows_run(self, run_id: str) -> bool:
        """Whether this is the instance that holds the run. It is asked once for each run."""
        if self._known_run != run_id and self.instance.get_run_by_id(run_id) is not None:
            self._known_run = run_id
        return self._known_run == run_id


_instances: OrderedDict[object, LoadedInstance] = OrderedDict()
_repositories: OrderedDict[object, tuple[RepositoryDefinition, str | None]] = OrderedDict()
_jobs: OrderedDict[object, LoadedJob] = OrderedDict()


def load_instance(ref: InstanceRef) -> LoadedInstance:
    """Return the instance of this reference, which is opened once per process."""

    def load() -> LoadedInstance:
        prepare_storages()
        prepare_steps()
        instance = DagsterInstance.from_ref(ref)
        prepare_instance(instance)
        prepare_partitions(instance)
        return LoadedInstance(instance, EventForwarder(instance))

    return _cached(_instances, serialize_value(ref), load, keep=4)


def load_job(job: ReconstructableJob, load_data: RepositoryLoadData | None) -> LoadedJob:
    """Return the job with its definition, which is loaded once per process and selection."""
    repository_key = (
        serialize_value(job.repository),
        serialize_value(load_data) if load_data else None,
    )
    selection = (job.op_selection, job.asset_selection, job.asset_check_selection)

    def load_repository() -> tuple[RepositoryDefinition, str | None]:
        repository = job.repository.with_repository_load_data(load_data).get_definition()
        return repository, code_version(job.repository.pointer)

    def load() -> LoadedJob:
        repository, version = _cached(_repositories, repository_key, load_repository, keep=4)
        definition = repository.get_maybe_subset_job_def(job.job_name, *selection)
        if not _jobs:
            # What is loaded stays, so the garbage collector need not look at it again and again.
            gc.collect()
            gc.freeze()
        return LoadedJob(job, definition, repository, version)

    job_key = (repository_key, job.job_name, *(s and frozenset(s) for s in selection))
    return _cached(_jobs, job_key, load, keep=16)


def warm_up(pickled: bytes) -> None:
    """Load a job and an instance ahead of the first batch. An error will show again there.

    Args:
        pickled: a ReconstructableJob, its RepositoryLoadData or None, and an InstanceRef.
    """
    with suppress(Exception):
        job, load_data, instance_ref = pickle.loads(pickled)
        with state_storage(load_instance(instance_ref).instance):
            load_job(job, load_data)


def _cached(cache: OrderedDict[object, T], key: object, load: Callable[[], T], keep: int) -> T:
    if key not in cache:
        cache[key] = load()
    cache.move_to_end(key)
    while len(cache) > keep:
        cache.popitem(last=False)
    return cache[key]
