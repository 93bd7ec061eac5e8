"""A Dagster executor that runs the steps of a job on a Dask cluster; see README.md here."""

from imagetl_assets.dask_executor.executor import DaskExecutor, dask_executor
from imagetl_assets.dask_executor.resource import dask_client

__all__ = ["DaskExecutor", "dask_client", "dask_executor"]
