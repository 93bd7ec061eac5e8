"""The memory of the long-lived processes of a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import psutil

from testbed.dask_cluster import DaskProcesses
from testbed.postgres import Postgres


class Memory:
    """Of the long-lived processes. Of the workers it is the largest, as they may be killed."""

    def __init__(self, daemon: psutil.Process, dask: DaskProcesses, database: Postgres) -> None:
        assert dask.scheduler is not None
        self._daemon = daemon
        self._database = database.process
        self._others = {"daemon": daemon, "scheduler": psutil.Process(dask.scheduler.pid)}
        self._nannies = [psutil.Process(worker.pid) for worker in dask.workers]
        for number, nanny in enumerate(self._nannies):
            self._others[f"nanny {number}"] = nanny

    def now(self) -> dict[str, float]:
        """In MB that only the process uses, by its name."""
        families = {name: [process] for name, process in self._others.items()}
        families["postgres"] = [self._database, *self._database.children()]
        # The daemon starts a new one every minute, and an old one ends with its last run.
        servers = [each for each in self._daemon.children() if "grpc" in command_of(each)]
        workers = [each for nanny in self._nannies for each in nanny.children()]
        return {
            **{name: _megabytes(each) for name, each in families.items()},
            "code server": _largest(servers),
            "worker": _largest(workers),
        }


def command_of(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return " ".join(process.cmdline())[:200]
    return ""


def _largest(processes: Sequence[psutil.Process]) -> float:
    return max((_megabytes([process]) for process in processes), default=0.0)


def _megabytes(family: Sequence[psutil.Process]) -> float:
    total = 0
    for process in family:
        with suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().uss
    return round(total / 1e6, 1)
