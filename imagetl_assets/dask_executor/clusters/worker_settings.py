"""How workers are set that are started here, unless the user has set them otherwise.

Dask's statistical profiler is off. It looks 100 times a second at the stack of what a worker runs,
and keeps what it has seen. Dagster's stacks are deep: the profiler takes some 25 MB at once, 100 kB
more with each run, and a tenth of the processor time that the Python code of a worker gets.

Freed memory is kept for what comes next. Dask has glibc give back all free memory above 64 kB, and
that also makes glibc give back each block above 128 kB at once. A step that reads and writes files
then gets new pages for each of them, which the kernel has to clear. To keep 32 MB made reading
frames more than twice as fast.

Each process of Dask looks 50 times a second whether its event loop is late, which takes 1 % of a
processor for each, also while nothing runs. Here it looks 5 times a second.

Workers are no daemons: a daemon must not start processes with `multiprocessing`, which steps may
want to do.
"""

from __future__ import annotations

import dask

_ENVIRONMENT = "distributed.nanny.pre-spawn-environ"
_SETTINGS = {
    "distributed.admin.tick.interval": "200ms",
    "distributed.worker.daemon": False,
    "distributed.worker.profile.enabled": False,
    f"{_ENVIRONMENT}.MALLOC_TRIM_THRESHOLD_": 32 * 1024 * 1024,
    f"{_ENVIRONMENT}.MALLOC_MMAP_THRESHOLD_": 16 * 1024 * 1024,
}


def set_worker_defaults() -> None:
    """Set this process's Dask config for the workers that it starts from now on.

    Values from environment variables and configuration files take precedence.
    """
    chosen = dask.config.collect()
    for name, value in _SETTINGS.items():
        dask.config.set({name: dask.config.get(name, default=value, config=chosen)})
