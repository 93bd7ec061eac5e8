"""All that the project, apart from its executor, takes from private parts of Dagster.

Each entry says what it is for, and which public way is missing. A new version of Dagster may change
any of it: then this is the place to look. The executor has its own such place, in `dask_executor`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster import (
    AssetCheckKey,
    AssetKey,
    AssetRecordsFilter,
    DagsterEvent,
    DagsterInstance,
    DagsterRun,
    InputContext,
    OutputContext,
    StepExecutionContext,
)

# What an evaluation tells of the materialization that was checked. Missing: its name in `dagster`.
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

# The type of an argument of `PartitionsDefinition.validate_partition_key`, which is overridden so
# that a run can be about a file that Dagster does not know yet. Missing: a public setting that lets
# dynamic partitions be about unknown keys.
from dagster._core.definitions.partitions.context import PartitionLoadingContext

# Some of the partitions of a definition. Missing: its name in `dagster`.
from dagster._core.definitions.partitions.subset import DefaultPartitionsSubset

# What `define_asset_job` returns. Missing: its name in `dagster`, for annotations.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

# What Ctrl-C raises while Dagster executes a run. Missing: its name in `dagster`.
from dagster._core.errors import DagsterExecutionInterruptedError

# The type of the errors in events. Missing: its name in `dagster`, which exports the events.
from dagster_shared.error import SerializableErrorInfo

if TYPE_CHECKING:
    from dagster._core.definitions.reconstruct import ReconstructableJob

__all__ = [
    "INTERRUPTS",
    "PARTITION_TAG",
    "RANGE_END_TAG",
    "RANGE_START_TAG",
    "RUN_KEY_TAG",
    "SENSOR_TAG",
    "SQLITE_STORAGE",
    "Followers",
    "PartitionLoadingContext",
    "SerializableErrorInfo",
    "UnresolvedAssetJobDefinition",
    "checked_materialization",
    "followers",
    "instance_in",
    "interrupts_wait",
    "job_of_module",
    "narrow_output",
    "run_events",
    "step_of",
]

INTERRUPTS = (DagsterExecutionInterruptedError, KeyboardInterrupt)
"""What an interrupt raises in the process of a run."""

PARTITION_TAG = "dagster/partition"
"""The tag of a run that names its partition. It is in Dagster's documentation of run tags, but its
constant, `PARTITION_NAME_TAG`, is private: https://docs.dagster.io/guides/build/assets/metadata-and-tags/tags
"""

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
"""The tags of a run about a range of partitions. Missing: a public argument of `RunRequest`."""

RUN_KEY_TAG = "dagster/run_key"
"""The tag of a run with the run key by which a sensor has requested it."""

SENSOR_TAG = "dagster/sensor_name"
"""The tag of a run that names the sensor which has requested it. Its constant is private, too."""

SQLITE_STORAGE = "dagster._core.storage.sqlite_storage"
"""The module of the default instance's databases, which workers import before they are asked to.
Missing: nothing; it is only quicker.
"""


def step_of(context: InputContext) -> StepExecutionContext:
    """Return the step that loads an input, which knows its run and its mapping key.

    Missing: both in `InputContext`.
    """
    return context.step_context


def narrow_output(context: OutputContext, keys: Collection[str]) -> None:
    """Let a step materialize only these partitions of those that its run is about.

    Missing: a public way. Dagster materializes all partitions of the run with each output.
    """
    subset = context._asset_partitions_subset
    if subset is not None and set(subset.get_partition_keys()) != set(keys):
        context._asset_partitions_subset = DefaultPartitionsSubset(set(keys))


class Followers(NamedTuple):
    """What follows on an asset in a run.

    Attributes:
        assets: whether assets that are made of it are materialized.
        checks: the names of the asset checks that look at it, sorted.
    """

    assets: bool
    checks: list[str]


def followers(context: Any, asset: str) -> Followers:
    """Return what follows on an asset in the run of this step.

    Missing: a public way to ask a run for its assets and checks.
    """
    key = AssetKey(asset)
    graph = context.job_def.asset_layer.asset_graph
    materialized = set(graph.executable_asset_keys)
    return Followers(
        assets=bool(graph.get(key).child_keys & materialized),
        checks=sorted(check.name for check in graph.asset_check_keys if check.asset_key == key),
    )


def job_of_module(module: str, attribute: str, job: str) -> ReconstructableJob:
    """Return a job in a form that other processes can load for themselves.

    Missing: `dagster.reconstructable` for a job of `Definitions`; it takes functions only.
    """
    from dagster._core.definitions.reconstruct import ReconstructableRepository

    repository = ReconstructableRepository.for_module(
        module, attribute, working_directory=os.getcwd()
    )
    return repository.get_reconstructable_job(job)


def run_events(
    job: ReconstructableJob, run: DagsterRun, instance: DagsterInstance
) -> Iterator[DagsterEvent]:
    """Execute a run in this process and yield its events as they happen.

    Missing: `dagster.execute_job` returns the events only when the run is over.
    """
    from dagster._core.execution.api import execute_run_iterator

    return execute_run_iterator(job, run, instance)


def interrupts_wait() -> AbstractContextManager[None]:
    """Let Ctrl-C wait for the places in which Dagster looks for it, so that it ends runs properly.

    Missing: a public name of it. `dagster.execute_job` does this for itself.
    """
    from dagster._utils.interrupts import capture_interrupts

    return capture_interrupts()


def checked_materialization(
    instance: DagsterInstance, check: AssetCheckKey, partition: str
) -> AssetCheckEvaluationTargetMaterializationData | None:
    """Return what an evaluation is to tell of the latest materialization of a partition, if any.

    Dagster itself does so for results of checks in runs about one partition.
    """
    of_partition = AssetRecordsFilter(check.asset_key, asset_partitions=[partition])
    for latest in instance.fetch_materializations(of_partition, limit=1).records:
        return AssetCheckEvaluationTargetMaterializationData(
            storage_id=latest.storage_id, run_id=latest.run_id, timestamp=latest.timestamp
        )
    return None


def instance_in(folder: str, config_folder: str) -> DagsterInstance:
    """Return the instance that is kept in one folder and configured by `dagster.yaml` in another.

    Missing: a second folder for `DagsterInstance.from_config`.
    """
    from dagster._core.instance.ref import InstanceRef

    return DagsterInstance.from_ref(InstanceRef.from_dir(folder, config_dir=config_folder))
