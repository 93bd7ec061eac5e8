"""Removes an upstream file from the storage and from Dagster's list of partitions."""

from __future__ import annotations

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from imagetl_assets.dagster_private import PARTITION_TAG
from imagetl_assets.names import check_partition_key
from imagetl_assets.storage.base import Store

_AT_WORK = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


class CannotRemove(Exception):
    """The file cannot be removed now. The message says why."""


def is_there(instance: DagsterInstance, store: Store, key: str) -> bool:
    """Tell whether anything is stored for a partition, or Dagster knows it.

    Args:
        instance: that may know the partition.
        store: of the results.
        key: of the partition.

    Raises:
        InvalidName: the key cannot be one.
    """
    check_partition_key(key)
    return key in store.list_folders("") or instance.has_dynamic_partition("upstream_files", key)


def remove_file(instance: DagsterInstance, store: Store, key: str) -> bool:
    """Remove all that is stored for a partition, and the partition; tell whether there was any.

    Dagster keeps its history, and the upstream file stays where it is.

    Args:
        instance: that knows the partition.
        store: of the results.
        key: of the partition.

    Raises:
        InvalidName: the key cannot be one.
        CannotRemove: a run of this file is not over.
    """
    check_partition_key(key)
    runs = instance.get_runs(RunsFilter(tags={PARTITION_TAG: key}, statuses=_AT_WORK))
    if runs:
        raise CannotRemove(f"run {runs[0].run_id} of {key} is not over: terminate it first")
    is_stored = key in store.list_folders("")
    if is_stored:
        store.delete_folder(key)
    is_known = instance.has_dynamic_partition("upstream_files", key)
    if is_known:
        instance.delete_dynamic_partition("upstream_files", key)
    return is_stored or is_known
