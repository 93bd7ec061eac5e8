"""Commands of the project, as a user types them, on a Dask cluster of processes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.dask_cluster import dask_processes
from testbed.processes import BIN

REEXECUTE = str(Path(__file__).with_name("reexecute.py"))


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
    with dask_processes(folder, 1, env=result.settings) as dask:
        result.address = dask.address
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
