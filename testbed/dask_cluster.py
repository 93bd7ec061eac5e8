"""Dask clusters whose scheduler and workers are processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import Client

from testbed.processes import PROJECT

AS_TOLD = {  # in docs/cluster.md
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false",
    "MALLOC_TRIM_THRESHOLD_": "33554432",
    "MALLOC_MMAP_THRESHOLD_": "16777216",
}

QUIET_WHILE_IDLE = {  # Clusters of tests have nothing to do for most of the time.
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "500ms",
    "DASK_DISTRIBUTED__WORKER__MEMORY__MONITOR_INTERVAL": "500ms",
}


@dataclass
class DaskProcesses:
    """A scheduler and workers, each a process of its own."""

    folder: Path
    address: str = ""
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_scheduler(
        self, host: str = "127.0.0.1", env: Mapping[str, str] | None = None
    ) -> None:
        file = self.folder / "scheduler.json"
        arguments = [f"--host={host}", "--port=0", f"--scheduler-file={file}"]
        self.scheduler = self._start("dask_scheduler", *arguments, env=env)
        deadline = time.monotonic() + 30
        while not self.address and time.monotonic() < deadline:
            time.sleep(0.05)
            if file.exists() and (text := file.read_text()):
                self.address = json.loads(text)["address"]
        assert self.address, "the Dask scheduler did not start"

    def start_workers(
        self,
        count: int,
        *options: str,
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        """Start workers, by a command that begins with `prefix`; returns when they have joined."""
        before = self._count_workers()
        for _ in range(count):
            self.workers.append(
                self._start(
                    "dask_worker",
                    self.address,
                    "--nthreads=1",
                    f"--local-directory={self.folder}",
                    *options,
                    env=env,
                    prefix=prefix,
                )
            )
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(before + count, timeout=90)

    def run_config(self, **executor_config: Any) -> dict[str, Any]:
        cluster = {"existing": {"address": self.address}}
        return {"execution": {"config": {"cluster": cluster, **executor_config}}}

    def stop(self) -> None:
        for process in [*self.workers, self.scheduler]:
            if process is not None:
                with_group(process, signal.SIGKILL)
                process.wait()

    def _count_workers(self) -> int:
        with Client(self.address, set_as_default=False) as client:
            return len(client.scheduler_info()["workers"])

    def _start(
        self,
        program: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{program}.log").open("ab")
        command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments, "--no-dashboard"]
        return subprocess.Popen(
            [*prefix, *command],
            stdout=log,
            stderr=log,
            cwd=self.folder,  # not the folder of the run's process
            env={
                **os.environ,
                "PYTHONPATH": str(PROJECT),
                **AS_TOLD,
                **QUIET_WHILE_IDLE,
                **(env or {}),
            },
            start_new_session=True,
        )


def with_group(process: subprocess.Popen[bytes], signal_number: int) -> None:
    """Send a signal to a process and its children (a nanny and its worker)."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal_number)


@contextmanager
def dask_processes(
    folder: Path, workers: int = 2, *options: str, env: Mapping[str, str] | None = None
) -> Iterator[DaskProcesses]:
    processes = DaskProcesses(folder)
    try:
        processes.start_scheduler()
        processes.start_workers(workers, *options, env=env)
        yield processes
    finally:
        processes.stop()
