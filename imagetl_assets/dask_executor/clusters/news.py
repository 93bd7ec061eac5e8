"""What a run can hear from its cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imagetl_assets.dask_executor.wire.messages import Message


@dataclass(frozen=True)
class WorkerLost:
    """A worker is gone, with what it was running; `expected` if it was told to go."""

    address: str
    expected: bool


@dataclass(frozen=True)
class TaskOver:
    """Dask regards a batch's task as over; `error` says why if it did not end well."""

    batch: int
    error: BaseException | None


@dataclass(frozen=True)
class WorkerAnswered:
    """What a worker has answered to `Cluster.ask_workers`, or the error that it had instead."""

    address: str
    answer: Any


News = Message | WorkerLost | TaskOver | WorkerAnswered
