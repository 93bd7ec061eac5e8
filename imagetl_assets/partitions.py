"""One partition per upstream file."""

from __future__ import annotations

from collections.abc import Sequence

from dagster import (
    AssetExecutionContext,
    DagsterInstance,
    DagsterRun,
    DynamicPartitionsDefinition,
    OpExecutionContext,
    StepExecutionContext,
    partition_loading_context,
)

from imagetl_assets.dagster_private import PARTITION_TAG, RANGE_START_TAG, PartitionLoadingContext
from imagetl_assets.names import check_partition_key

DEFAULT_FILE = "all-images.img"


class UpstreamFilePartitions(DynamicPartitionsDefinition):
    """Upstream files by name. Any file name can be run: a run adds its own to Dagster's list."""

    def validate_partition_key(self, partition_key: str, context: PartitionLoadingContext) -> None:
        """Raise InvalidName unless the key is a file name; it need not be known yet."""
        check_partition_key(partition_key)


upstream_files = UpstreamFilePartitions(name="upstream_files")

Context = AssetExecutionContext | OpExecutionContext | StepExecutionContext


def register_partition(instance: DagsterInstance, key: str) -> None:
    """Add a partition key to Dagster's list if it is not there. Its file has been seen."""
    if not instance.has_dynamic_partition("upstream_files", key):
        instance.add_dynamic_partitions("upstream_files", [check_partition_key(key)])


def partition_keys(context: Context) -> Sequence[str]:
    """Return the partitions of a run: one, which may be new, a range of known ones, or all."""
    if context.has_partition_key:
        return [context.partition_key]
    if names_no_file(run_of(context)):
        return context.instance.get_dynamic_partitions("upstream_files")
    with partition_loading_context(dynamic_partitions_store=context.instance):
        return upstream_files.get_partition_keys_in_range(context.partition_key_range)


def run_of(context: Context) -> DagsterRun:
    """Return the run of a step."""
    return context.dagster_run if isinstance(context, StepExecutionContext) else context.run


def names_no_file(run: DagsterRun) -> bool:
    """Return whether a run is about no partition, as that of "Execute all" for checks."""
    return not {PARTITION_TAG, RANGE_START_TAG} & run.tags.keys()
