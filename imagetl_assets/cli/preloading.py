"""What the workers of `imagetl run` need is imported once, by a process that they are forked from.

While that process imports, the command imports the same for itself: a run starts seconds earlier.
"""

from __future__ import annotations

import gc
import multiprocessing
from multiprocessing import forkserver

# Collecting at every 700th object costs a quarter of the time that the imports take.
OBJECTS_PER_COLLECTION = 50_000


def preload() -> None:
    """Start the process that local Dask workers of this one will be forked from."""
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    if _can_fork():
        forkserver.set_forkserver_preload([f"{__package__}.worker_imports"])
        forkserver.ensure_running()


def fork_workers() -> None:
    """Have Dask fork its workers from that process."""
    import dask
    import distributed.utils

    if _can_fork():
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
        # Or Dask would import pandas here, to have it preloaded too.
        distributed.utils._forkserver_preload_set = True


def _can_fork() -> bool:
    return "forkserver" in multiprocessing.get_all_start_methods()
