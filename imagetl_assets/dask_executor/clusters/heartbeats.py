"""Which workers the scheduler has heard nothing of.

A host that dies, or a network that swallows what is sent, leaves the connection of a worker open.
The scheduler notices that after five minutes, if `distributed.scheduler.worker-ttl` is not set to
less. Here, a run notices by itself that the heartbeats of a worker have stopped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any


class Heartbeats:
    """Remembers when the last heartbeat of each worker was seen to change.

    The scheduler tells the time of the last heartbeat by its own clock. So only whether that has
    changed is looked at, and how long ago by the clock of this process.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, float]] = {}  # address: scheduler's time, own time

    def note(self, workers: Mapping[str, Mapping[str, Any]]) -> None:
        """Note what the scheduler says of its workers, by address."""
        now = time.monotonic()
        self._last = {
            address: self._last[address]
            if address in self._last and self._last[address][0] == worker["last_seen"]
            else (worker["last_seen"], now)
            for address, worker in workers.items()
            if "last_seen" in worker
        }

    def silent(self, seconds: float) -> list[str]:
        """Return the addresses of workers without a heartbeat for longer than `seconds`.

        Each is named once, unless it is heard of again.
        """
        limit = time.monotonic() - seconds
        found = [address for address, (_, seen) in self._last.items() if seen < limit]
        for address in found:
            del self._last[address]
        return found
