"""Importing this module imports all that a Dask worker of a run uses. See `preloading`."""

import gc


def _import_all() -> None:
    from importlib import import_module

    from imagetl_assets.dagster_private import SQLITE_STORAGE

    for name in (
        "distributed.nanny",
        SQLITE_STORAGE,
        "imagetl_assets.definitions",
        "imagetl_assets.upstream.http",
        "imagetl_assets.dask_executor.worker.batch",
    ):
        import_module(name)


gc.disable()  # nothing of what is imported is garbage
_import_all()
gc.freeze()
gc.enable()
