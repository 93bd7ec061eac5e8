"""Makes the replacements of the table in a process, and in the instances that it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagetl_assets.dask_executor.dagster_internals.replacing import in_use

if TYPE_CHECKING:
    from dagster import DagsterInstance


def prepare_storages() -> None:
    """Prepare the storages of this process, at best before it opens an instance."""
    from imagetl_assets.dask_executor.dagster_internals import migrations, sqlite

    if in_use("sqlite-engines"):
        sqlite.keep_engines()
    if in_use("migration-scripts"):
        migrations.keep_scripts()


def prepare_steps() -> None:
    """Prepare this process for running many steps."""
    from imagetl_assets.dask_executor.dagster_internals import lookups

    if in_use("resource-types"):
        lookups.remember_resource_types()
    if in_use("run-config"):
        lookups.remember_run_configs()
    if in_use("annotations"):
        lookups.remember_annotations()


def prepare_instance(instance: DagsterInstance) -> None:
    """Prepare an instance for one run after the other. Twice does no harm."""
    from imagetl_assets.dask_executor.dagster_internals import database, lookups

    if in_use("database-patience"):
        database.be_patient(instance)
    if in_use("schema"):
        lookups.remember_schema(instance)


def prepare_partitions(instance: DagsterInstance) -> None:
    """Prepare an instance that steps of partitioned assets ask for their partitions, once."""
    from imagetl_assets.dask_executor.dagster_internals import lookups

    if in_use("partitions"):
        lookups.remember_partitions(instance)
