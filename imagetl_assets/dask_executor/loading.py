"""What a worker process keeps between batches: the Dagster instance and the loaded definitions."""

from __future__ import annotations

import gc
import hashlib
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dagster import AssetCheckKey, AssetKey, DagsterInstance, JobDefinition, RepositoryDefinition
from dagster._core.definitions.job_base import IJob
from dagster._serdes import serialize_value

from imagetl_assets.dask_executor.database import be_patient
from imagetl_assets.dask_executor.events import EventForwarder
from imagetl_assets.dask_executor.lookups import (
    remember_annotations,
    remember_partitions,
    remember_resource_types,
    remember_run_configs,
    remember_schema,
)
from imagetl_assets.dask_executor.sqlite import make_sqlite_fast

if TYPE_CHECKING:
    from dagster._core.code_pointer import CodePointer
    from dagster._core.definitions.reconstruct import ReconstructableJob
    from dagster._core.definitions.repository_definition import RepositoryLoadData
    from dagster._core.instance.ref import InstanceRef

T = TypeVar("T")
MAX_SOURCE_FILES = 2000  # of one package; above that its version is not compared


@dataclass(frozen=True)
class LoadedInstance:
    """An instance and what redirects its events."""

    instance: DagsterInstance
    forwarder: EventForwarder


class LoadedJob(IJob):
    """A job whose definition is at hand (a ReconstructableJob keeps only the last one loaded)."""

    def __init__(
        self,
        source: ReconstructableJob,
        definition: JobDefinition,
        repository: RepositoryDefinition | None,
        code_version: str | None,
    ) -> None:
        self._source = source
        self._definition = definition
        self._repository = repository
        self.code_version = code_version

    def get_definition(self) -> JobDefinition:
        """The definition, with the run's selection applied."""
        return self._definition

    def get_repository_definition(self) -> RepositoryDefinition | None:
        """The repository that the job is from."""
        return self._repository

    def get_subset(
        self,
        *,
        op_selection: Iterable[str] | None = None,
        asset_selection: AbstractSet[AssetKey] | None = None,
        asset_check_selection: AbstractSet[AssetCheckKey] | None = None,
    ) -> IJob:
        """A subset of the job, loaded anew."""
        return self._source.get_subset(
            op_selection=op_selection,
            asset_selection=asset_selection,
            asset_check_selection=asset_check_selection,
        )

    @property
    def op_selection(self) -> AbstractSet[str] | None:
        """Of the run."""
        return self._source.op_selection

    @property
    def asset_selection(self) -> AbstractSet[AssetKey] | None:
        """Of the run."""
        return self._source.asset_selection

    @property
    def asset_check_selection(self) -> AbstractSet[AssetCheckKey] | None:
        """Of the run."""
        return self._source.asset_check_selection


_instances: OrderedDict[object, LoadedInstance] = OrderedDict()
_repositories: OrderedDict[object, tuple[RepositoryDefinition, str | None]] = OrderedDict()
_jobs: OrderedDict[object, LoadedJob] = OrderedDict()


def load_instance(ref: InstanceRef) -> LoadedInstance:
    """The instance of this reference, opened once per process."""

    def load() -> LoadedInstance:
        make_sqlite_fast()
        remember_resource_types()
        remember_run_configs()
        remember_annotations()
        instance = DagsterInstance.from_ref(ref)
        be_patient(instance)
        remember_schema(instance)
        remember_partitions(instance)
        return LoadedInstance(instance, EventForwarder(instance))

    return _cached(_instances, serialize_value(ref), load, keep=4)


def load_job(job: ReconstructableJob, load_data: RepositoryLoadData | None) -> LoadedJob:
    """The job with its definition, loaded once per process and selection."""
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
            # What is loaded stays: the garbage collector need not look at it at every turn.
            gc.collect()
            gc.freeze()
        return LoadedJob(job, definition, repository, version)

    job_key = (repository_key, job.job_name, *(s and frozenset(s) for s in selection))
    return _cached(_jobs, job_key, load, keep=16)


def code_version(pointer: CodePointer) -> str | None:
    """A digest of the Python sources of the package (or file) that the definitions are from.

    None if it cannot be told where they are, or if they are too many to read at each start.
    """
    root = _source_root(pointer)
    return None if root is None else _digest(root)


@cache  # of what this process has loaded, whatever is done to the files later
def _digest(root: Path) -> str | None:
    files = [root] if root.is_file() else sorted(root.rglob("*.py"))
    if len(files) > MAX_SOURCE_FILES:
        return None
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(root.parent)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _source_root(pointer: CodePointer) -> Path | None:
    module_name = getattr(pointer, "module", None)
    if isinstance(module_name, str):
        module = sys.modules.get(module_name.split(".")[0])
        file = getattr(module, "__file__", None)
        if file is None:
            return None
        path = Path(file)
        return path.parent if path.name == "__init__.py" else path
    file = getattr(pointer, "python_file", None)
    if isinstance(file, str):
        return Path(getattr(pointer, "working_directory", None) or os.curdir, file)
    return None


def _cached(cache: OrderedDict[object, T], key: object, load: Callable[[], T], keep: int) -> T:
    if key not in cache:
        cache[key] = load()
    cache.move_to_end(key)
    while len(cache) > keep:
        cache.popitem(last=False)
    return cache[key]
