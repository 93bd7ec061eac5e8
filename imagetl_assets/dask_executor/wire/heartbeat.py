"""The signs of life that the process of a run leaves in Dagster's database.

Each is another text under the same key. The daemon, which may be on another host, looks whether the
text changes. It never compares clocks.
"""

from __future__ import annotations

BEAT_SECONDS = 10
SILENT_SECONDS = 45
"""A process that lives beats several times meanwhile, even if the database is slow."""

OVER = "over"
"""The text once the process has nothing more to do for the run."""


def heartbeat_key(run_id: str) -> str:
    """Return the key of a run's signs of life among the daemons' values."""
    return f"dask_executor/heartbeat/{run_id}"
