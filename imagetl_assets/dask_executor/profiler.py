"""Dask's statistical profiler: off on the workers that are started here, unless the user wants it.

It notes the stack of what a worker runs 100 times a second, and keeps that. Dagster's stacks are
deep: for its steps, this takes some 25 MB at once and 100 kB more with each run, and a tenth of the
processor time that Python code of the worker gets.
"""

from __future__ import annotations

from typing import Any

import dask

_SETTING = "distributed.worker.profile.enabled"


def worker_config() -> dict[str, Any]:
    """Return the Dask config to start workers with; what environment or files say counts."""
    chosen = dask.config.get(_SETTING, default=False, config=dask.config.collect())
    return {_SETTING: chosen}
