"""Programs of the project as processes of their own, on a Dask cluster of such processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

BIN = Path(sys.executable).parent
REEXECUTE = str(Path(__file__).with_name("reexecute.py"))


@contextmanager
def started(
    args: list[str], env: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in the background; it is ended with the block."""
    with log.open("wb") as out:
        process = subprocess.Popen(args, env=dict(env), stdout=out, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Cluster:
    """A scheduler with one worker, whose files come from `upstream` and go to `storage`."""

    address: str
    upstream: Path
    storage: Path

    @property
    def settings(self) -> dict[str, str]:
        return {"IMAGETL_UPSTREAM": str(self.upstream), "IMAGETL_STORAGE": str(self.storage)}


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start a scheduler and a worker."""
    result = Cluster("", folder / "upstream", folder / "storage")
    result.upstream.mkdir()
    env = {**os.environ, **result.settings}
    file = folder / "scheduler.json"
    scheduler = ["-m", "distributed.cli.dask_scheduler", "--host=127.0.0.1", "--port=0"]
    worker = ["-m", "distributed.cli.dask_worker", "--nthreads=1", "--no-dashboard"]
    with ExitStack() as stack:
        for name, args in (
            ("scheduler", [*scheduler, "--no-dashboard", f"--scheduler-file={file}"]),
            ("worker", [*worker, f"--scheduler-file={file}", f"--local-directory={folder}"]),
        ):
            program = [sys.executable, *args]
            stack.enter_context(started(program, env, folder / f"{name}.log"))
            wait_for(file.exists)
        result.address = json.loads(file.read_text())["address"]
        yield result


@dataclass
class Shell:
    """Runs commands of the project with an instance of their own, on the cluster."""

    home: Path
    cluster: Cluster

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "DAGSTER_HOME": str(self.home),
            "DASK_SCHEDULER_ADDRESS": self.cluster.address,
            **self.cluster.settings,
        }

    def add_file(self, name: str, body: bytes) -> Path:
        """Put a file upstream; return its path."""
        path = self.cluster.upstream / name
        path.write_bytes(body)
        return path

    def command(self, program: str, *args: str) -> list[str]:
        return [str(BIN / program), *args]

    def run(self, program: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(program, *args),
            env={**self.env, **env},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def clip(self, partition: str, name: str = "clip.gif") -> bytes:
        return (self.cluster.storage / partition / name).read_bytes()


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return all that have to do with a folder, by their environment, command or working folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [process.cwd(), *process.cmdline(), *process.environ().values()]
        except (psutil.Error, OSError):
            continue
        if process.pid != os.getpid() and any(str(folder) in word for word in words):
            found.append(process)
    return found


def left_of(folder: Path, seconds: float = 30) -> list[str]:
    """Return the commands of a folder's processes that do not end in time, and kill them."""
    psutil.wait_procs(processes_of(folder), seconds)
    left = []
    for process in processes_of(folder):
        with suppress(psutil.NoSuchProcess):
            left.append(" ".join(process.cmdline())[:200])
            process.kill()
    return left


def wait_for(condition: Any, seconds: float = 60) -> Any:
    """Wait until `condition()` is true; return what it gave."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(0.05)
    return result
