"""A Dagster executor that runs the steps of a job on a Dask cluster; see README.md here.

Names load on first use: a Dask scheduler unpickles a reference into this package and should not
import all of Dagster for it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.executor import DaskExecutor, dask_executor

__all__ = ["DaskExecutor", "dask_executor"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from imagetl_assets.dask_executor import executor

        return getattr(executor, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
