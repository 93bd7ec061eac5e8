"""Settings, which come from the environment. They are read when definitions are loaded."""

from __future__ import annotations

import os

DEFAULT_STORAGE = "storage"
DEFAULT_UPSTREAM = "https://github.com/cicdw/image-data/raw/master"


def storage_root() -> str:
    """Return where results go (`IMAGETL_STORAGE`): a folder, or an fsspec URL."""
    return os.environ.get("IMAGETL_STORAGE") or DEFAULT_STORAGE


def upstream_base() -> str:
    """Return where upstream files are (`IMAGETL_UPSTREAM`): a folder, or a URL of one."""
    return os.environ.get("IMAGETL_UPSTREAM") or DEFAULT_UPSTREAM


def scheduler_address() -> str | None:
    """Return the Dask scheduler to use (`DASK_SCHEDULER_ADDRESS`); None: a cluster per run."""
    return os.environ.get("DASK_SCHEDULER_ADDRESS") or None
