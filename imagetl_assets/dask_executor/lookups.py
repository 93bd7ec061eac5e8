"""What Dagster looks up for each step, and need not.

A step of some milliseconds spends most of them on questions to the instance that the step before
it has asked as well. Nothing is assumed that another process could make wrong for long.
"""

from __future__ import annotations

import time
from collections import OrderedDict, namedtuple
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagster import DagsterInstance, JobDefinition
    from dagster._core.system_config.objects import ResolvedRunConfig

KEPT_SECONDS = 1
MAX_PARTITIONS = 1000
MAX_RUN_CONFIGS = 8


def remember_partitions(instance: DagsterInstance) -> None:
    """Have an instance remember for `KEPT_SECONDS` that a dynamic partition exists.

    Dagster asks for it with each output and each input of a step of a partitioned asset.
    """
    has, delete = instance.has_dynamic_partition, instance.delete_dynamic_partition
    seen: dict[tuple[str, str], float] = {}

    def has_dynamic_partition(partitions_def_name: str, partition_key: str) -> bool:
        key = (partitions_def_name, partition_key)
        if time.monotonic() - seen.get(key, -KEPT_SECONDS) < KEPT_SECONDS:
            return True
        if len(seen) > MAX_PARTITIONS:
            seen.clear()
        exists = has(partitions_def_name, partition_key)
        if exists:
            seen[key] = time.monotonic()
        return exists

    def delete_dynamic_partition(partitions_def_name: str, partition_key: str) -> None:
        seen.clear()
        delete(partitions_def_name, partition_key)

    instance.has_dynamic_partition = has_dynamic_partition  # type: ignore[method-assign]
    instance.delete_dynamic_partition = delete_dynamic_partition  # type: ignore[method-assign]


def remember_run_configs() -> None:
    """Have this process validate and resolve a run's config once, not twice for each batch."""
    from dagster._core.system_config.objects import ResolvedRunConfig

    build = ResolvedRunConfig.build
    if build.__module__ == __name__:
        return
    # By identity: an equal config of another run may hold environment variables that have changed.
    resolved: OrderedDict[tuple[int, int], tuple[Any, Any, ResolvedRunConfig]] = OrderedDict()

    def remembering_build(
        job_def: JobDefinition, run_config: Mapping[str, object] | None = None
    ) -> ResolvedRunConfig:
        key = (id(job_def), id(run_config))
        if key not in resolved:
            # With what the key is of, so that nothing else gets the same.
            resolved[key] = (job_def, run_config, build(job_def, run_config))
            while len(resolved) > MAX_RUN_CONFIGS:
                resolved.popitem(last=False)
        return resolved[key][-1]

    ResolvedRunConfig.build = staticmethod(remembering_build)  # type: ignore[method-assign]


def remember_resource_types() -> None:
    """Have this process make the type of a step's resources once, not six times for each step."""
    from dagster._core.definitions import scoped_resources_builder

    replaced: Any = scoped_resources_builder
    replaced.namedtuple = _kept_namedtuple


def _kept_namedtuple(name: str, fields: Iterable[str]) -> Any:
    return _namedtuple(name, tuple(fields))


@lru_cache(maxsize=256)
def _namedtuple(name: str, fields: tuple[str, ...]) -> Any:
    return namedtuple(name, fields)
