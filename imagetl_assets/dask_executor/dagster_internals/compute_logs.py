"""Capture of a process's output to files, without Dagster's helper processes.

While it captures, Dagster mirrors the output to the terminal with four processes (two `tail`, and
two Python processes that watch them). For a batch of short steps these cost more than the steps.
Here, the output goes to the file alone, and is copied to the process's own output afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import IO
from unittest.mock import patch

from imagetl_assets.dask_executor.dagster_internals.names import redirect_to_file
from imagetl_assets.dask_executor.dagster_internals.replacing import in_use


def without_mirrors() -> AbstractContextManager[object]:
    """While this is open, a compute log manager begins captures without helper processes."""
    if not in_use("compute-log-mirrors"):
        return nullcontext()
    from dagster._core.storage import local_compute_log_manager

    # The managers for buckets use the local one, which calls this when a capture begins.
    return patch.object(local_compute_log_manager, "mirror_stream_to_file", _to_file)


@contextmanager
def _to_file(stream: IO[str], path: str) -> Iterator[None]:
    from dagster._utils import ensure_file

    ensure_file(path)
    with redirect_to_file(stream, path):
        yield
    with suppress(OSError, ValueError), open(path, "rb") as file:
        while block := file.read(1024 * 1024):
            os.write(stream.fileno(), block)
