"""Importing this module imports all that a Dask worker of a run uses. See `preloading`."""

import gc
from contextlib import suppress


def _import_all() -> None:
    from importlib import import_module

    from imagetl_assets.dagster_private import SQLITE_STORAGE

    for name in (
        "distributed.nanny",
        SQLITE_STORAGE,
        "imagetl_assets.definitions",
        "imagetl_assets.upstream.http",
        "imagetl_assets.storage.local",
        "imagetl_assets.dask_executor.worker.batch",
        # What these and Dagster import only once they are used.
        "requests.models",
        "PIL.GifImagePlugin",
        "PIL.ImageDraw",
        "PIL.JpegImagePlugin",
        "PIL.WebPImagePlugin",
    ):
        import_module(name)
    # Of Dagster's storages, and of `images.gif.wuffs`. They need not be installed.
    for name in ("upath.implementations.local", "skia"):
        with suppress(ImportError):
            import_module(name)


gc.disable()  # nothing of what is imported is garbage
_import_all()
gc.freeze()
gc.enable()
