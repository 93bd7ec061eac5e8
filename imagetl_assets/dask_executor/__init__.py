"""A Dagster executor that runs the steps of a job on a Dask cluster; see README.md here."""

from imagetl_assets.dask_executor.executor import DaskExecutor, dask_executor

__all__ = ["DaskExecutor", "dask_executor"]
