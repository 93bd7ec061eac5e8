"""Import what the workers of `imagetl run` need only once, in a process that they are forked from.

That process imports while the command itself imports the same, so a run starts seconds earlier.
"""

from __future__ import annotations

import gc
import multiprocessing
from multiprocessing import forkserver

from imagetl_assets.cli.interrupts import held_back

# By default, Python looks for garbage after every 700 new objects. During the imports, that takes a
# quarter of the time.
OBJECTS_PER_COLLECTION = 50_000


def preload() -> None:
    """Start the process that local Dask workers of this one will be forked from."""
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    if _can_fork():
        forkserver.set_forkserver_preload([f"{__package__}.worker_imports"])
        with held_back():  # this process alone reacts to Ctrl-C
            forkserver.ensure_running()


def fork_workers() -> None:
    """Let Dask fork its workers from the process that `preload` has started."""
    import dask
    import distributed.utils

    if _can_fork():
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
        # Otherwise Dask would import pandas in this process, to have it preloaded as well.
        distributed.utils._forkserver_preload_set = True


def _can_fork() -> bool:
    return "forkserver" in multiprocessing.get_all_start_methods()
