"""Importing this imports all that a Dask worker of a run uses. See `preloading`."""

import gc
from importlib import import_module

gc.disable()  # none of this is garbage
for _name in (
    "distributed.nanny",
    "dagster._core.storage.sqlite_storage",
    "imagetl_assets.definitions",
    "imagetl_assets.dask_executor.worker.batch",
):
    import_module(_name)
gc.freeze()
gc.enable()
