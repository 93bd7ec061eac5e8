"""How the workers are set that are started here, unless the user has said otherwise.

Dask's statistical profiler is off. It notes the stack of what a worker runs 100 times a second, and
keeps that. Dagster's stacks are deep: for its steps, this takes some 25 MB at once and 100 kB more
with each run, and a tenth of the processor time that Python code of the worker gets.

Freed memory is kept for what comes next. Dask has glibc give back all above 64 kB, and with that
any block above 128 kB at once: a step that reads and writes files gets new pages for each of them,
all to be cleared by the kernel. To keep 32 MB made reading frames more than twice as fast.
"""

from __future__ import annotations

import dask

_ENVIRONMENT = "distributed.nanny.pre-spawn-environ"
_SETTINGS = {
    "distributed.worker.profile.enabled": False,
    f"{_ENVIRONMENT}.MALLOC_TRIM_THRESHOLD_": 32 * 1024 * 1024,
    f"{_ENVIRONMENT}.MALLOC_MMAP_THRESHOLD_": 16 * 1024 * 1024,
}


def set_worker_defaults() -> None:
    """Set this process's Dask config for the workers that it starts from now on.

    What environment variables or configuration files say counts.
    """
    chosen = dask.config.collect()
    for name, value in _SETTINGS.items():
        dask.config.set({name: dask.config.get(name, default=value, config=chosen)})
