"""What Dagster looks up anew for each step, and is remembered here.

A step of a few milliseconds spends most of them on questions that the step before it has asked as
well. What another process may change is remembered for a second, and only if the answer was yes.
"""

from __future__ import annotations

import time
from collections import OrderedDict, namedtuple
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import FunctionType
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


def remember_schema(instance: DagsterInstance) -> None:
    """Have an instance remember which tables and columns its databases have, once they are there.

    Dagster looks at them whenever it reads runs, or writes events of assets and of checks.
    """
    _remember_if_true(instance.run_storage, "has_run_stats_index_cols")
    _remember_if_true(instance.event_log_storage, "has_table")
    # Not every version of Dagster has this one.
    _remember_if_true(instance.event_log_storage, "_has_asset_key_col_on_connection")


def _remember_if_true(storage: Any, method: str) -> None:
    """Have a storage remember by name what a method, asked for that name, has found to be there."""
    look = getattr(storage, method, None)
    if look is None or method in vars(storage):
        return  # The storage has no such method, or remembers already.
    there: set[Any] = set()

    def remembering_look(*args: Any) -> bool:
        name = args[-1:]
        if name not in there and look(*args):
            there.add(name)
        return name in there

    setattr(storage, method, remembering_look)


def remember_annotations() -> None:
    """Have this process look at a function's annotations and docstring once, not for each step."""
    from dagster._core.definitions import inference

    replaced: Any = inference
    infer = replaced.infer_output_props
    if infer.__module__ == __name__:
        return
    remembering_infer = lru_cache(maxsize=256)(infer)

    def infer_output_props(fn: Any) -> Any:
        # A function can be hashed. Another callable object may not be.
        return remembering_infer(fn) if isinstance(fn, FunctionType) else infer(fn)

    replaced.infer_output_props = infer_output_props


def remember_run_configs() -> None:
    """Have this process validate and resolve a run's config once, not twice for each batch."""
    from dagster._core.system_config.objects import ResolvedRunConfig

    build = ResolvedRunConfig.build
    if build.__module__ == __name__:
        return
    # By identity, as an equal config of another run may name environment variables that have
    # changed since.
    resolved: OrderedDict[tuple[int, int], tuple[Any, Any, ResolvedRunConfig]] = OrderedDict()

    def remembering_build(
        job_def: JobDefinition, run_config: Mapping[str, object] | None = None
    ) -> ResolvedRunConfig:
        key = (id(job_def), id(run_config))
        if key not in resolved:
            # The two objects are kept, so that no other object gets the same identity.
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
