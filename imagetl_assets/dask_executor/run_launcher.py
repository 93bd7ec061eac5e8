"""A run launcher that notices within two minutes that the process of a run has died.

It launches runs as the default one of Dagster does, in processes that the code server starts. That
one notices nothing if the code server dies with the run, as when their host does: the run counts as
running until its time limit. In `dagster.yaml`:

    run_launcher:
      module: imagetl_assets.dask_executor.run_launcher
      class: WatchedRunLauncher
    run_monitoring:
      enabled: true
      poll_interval_seconds: 30

The executor leaves signs of life in Dagster's database. At each poll, the daemon looks for a new
one. Runs of other executors leave none, and are taken to be alive, as before.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from dagster import DagsterRun

from imagetl_assets.dask_executor.dagster_internals.names import (
    CheckRunHealthResult,
    DefaultRunLauncher,
    WorkerStatus,
)
from imagetl_assets.dask_executor.wire.heartbeat import OVER, SILENT_SECONDS, heartbeat_key


class _Sign(NamedTuple):
    text: str
    seen_at: float


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default run launcher, and the daemon's eye on runs of this executor.

    Attributes:
        silent_seconds: how long a run may give no sign of life.
    """

    silent_seconds: float = SILENT_SECONDS

    def __init__(self, inst_data: Any = None) -> None:
        super().__init__(inst_data)
        self._signs: dict[str, _Sign] = {}

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether `check_run_worker_health` can be asked."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return FAILED if the process of the run has given no sign of life for some time."""
        text = self._sign_of(run.run_id)
        last = self._signs.get(run.run_id)
        if text in (None, OVER):
            self._signs.pop(run.run_id, None)
        elif last is None or last.text != text:
            self._signs[run.run_id] = _Sign(text, time.monotonic())
        elif time.monotonic() - last.seen_at > self.silent_seconds:
            del self._signs[run.run_id]
            return CheckRunHealthResult(
                WorkerStatus.FAILED,
                "the process of the run has given no sign of life for "
                f"{self.silent_seconds} s: it was killed, or its host has died",
            )
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def _sign_of(self, run_id: str) -> str | None:
        key = heartbeat_key(run_id)
        try:
            return self._instance.daemon_cursor_storage.get_cursor_values({key}).get(key)
        except Exception:
            # The processes of runs could not write either while the database was away.
            self._signs.clear()
            raise
