"""What Dagster's tests look for in memory, carried from workers to the test's process in files.

- Jobs that exist in memory only: a stand-in travels, and the worker, which is a copy of the test's
  process, finds the job by it.
- The outputs that `execute_in_process` keeps for its result.
- Exceptions, which `raise_on_error` raises in the test's process.
- The values of Dagster's IO manager that keeps them in memory.
"""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudpickle
from dagster import JobDefinition
from dagster._core.definitions.job_base import InMemoryJob

from imagetl_assets.dask_executor.worker.loaded_job import LoadedJob


@dataclass(frozen=True)
class JobStandIn:
    """Takes the place of a `ReconstructableJob` for a job that exists in memory only."""

    key: str
    job_name: str

    repository = SimpleNamespace(pointer=None)
    asset_selection = asset_check_selection = op_selection = None

    def get_definition(self) -> JobDefinition:
        definition: JobDefinition = _jobs[self.key].get_definition()
        return definition

    def get_repository_definition(self) -> None:
        return None

    def get_subset(self, **selection: Any) -> InMemoryJob:
        subset: InMemoryJob = _jobs[self.key].get_subset(**selection)
        return subset

    def loaded(self) -> LoadedJob:
        return LoadedJob(self, self.get_definition(), None, None)  # type: ignore[arg-type]


_jobs: dict[str, Any] = {}


def stand_in(job: Any) -> JobStandIn:
    """Return a stand-in for a job of this process, by which a copy of the process finds it."""
    key = str(id(job))
    _jobs[key] = job
    return JobStandIn(key, job.get_definition().name)


@dataclass
class Carried:
    """The files of one run, and what was put in this process: it need not be pickled."""

    folder: Path
    _here: list[tuple[str, Any, Any]] = field(default_factory=list)

    def put(self, kind: str, key: Any, value: Any) -> None:
        """Carry a value; what cannot be pickled is left out."""
        self._here.append((kind, key, value))
        with suppress(Exception):
            pickled = cloudpickle.dumps((key, value))
            pickle.loads(pickled)
            part = self.folder / f"{uuid.uuid4().hex}.part"
            part.write_bytes(pickled)
            part.rename(part.with_suffix(f".{kind}"))

    def all(self, kind: str) -> Iterator[tuple[Any, Any]]:
        """Yield keys and values, oldest first; those of this process last."""
        files = sorted(self.folder.glob(f"*.{kind}"), key=lambda file: file.stat().st_mtime_ns)
        for file in files:
            yield pickle.loads(file.read_bytes())
        for here, key, value in self._here:
            if here == kind:
                yield key, value

    def get(self, kind: str, key: Any) -> Any:
        """Return the newest value of a key.

        Raises:
            KeyError: there is none.
        """
        return dict(self.all(kind))[key]


class CarriedOutputs(dict[Any, Any]):
    """Takes the outputs of a worker's steps, as `execute_in_process` wants them."""

    def __init__(self, carried: Carried) -> None:
        self._carried = carried

    def __setitem__(self, handle: Any, value: Any) -> None:
        self._carried.put("output", handle, value)
