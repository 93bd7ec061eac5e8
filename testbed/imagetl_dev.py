"""`imagetl dev` as a process, in a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.processes import BIN, wait_for

# The commands of docs/ui.md and docs/sensor.md.
DEV = ["mkdir -p upstream", "IMAGETL_UPSTREAM=$PWD/upstream imagetl dev"]
NEW_FILE = "imagetl sample -n 27 -o upstream/new.img"

_PORTS = ("--port=0", "--dashboard-port=0", "--files-port=0")
_NAMES = ("DAGSTER_HOME", "DASK_SCHEDULER_ADDRESS", "IMAGETL_NOTIFY_URLS")


@dataclass
class Dev:
    """A running `imagetl dev`: its process, and the addresses that it has printed."""

    process: subprocess.Popen[bytes]
    upstream: Path
    storage: Path
    dagster: str
    dashboard: str
    storage_uri: str

    def drop(self, name: str, body: bytes) -> None:
        """Put a file into the watched folder."""
        (self.upstream / name).write_bytes(body)

    def stop(self) -> int:
        """Press Ctrl-C; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


@contextmanager
def running(folder: Path, *, killed: bool = False) -> Iterator[Dev]:
    """Start it, wait until it has said where its pages are, stop it with the block.

    Args:
        folder: for its files.
        killed: whether the block kills it.
    """
    upstream = folder / "upstream"
    upstream.mkdir()
    env = {name: value for name, value in os.environ.items() if name not in _NAMES}
    log = folder / "dev.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [BIN / "imagetl", "dev", *_PORTS, "--workers=2"],
            env={**env, "IMAGETL_UPSTREAM": str(upstream), "IMAGETL_STORAGE": f"{folder}/storage"},
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(lambda: "Ctrl-C stops" in log.read_text() or process.poll() is not None, 180)
        text = log.read_text()
        where = [
            re.search(rf"^  {name} +(\S+)$", text, re.M)
            for name in ("Dagster", "Dask dashboard", "storage")
        ]
        assert all(where), text
        addresses = [found[1] for found in where if found]
        yield Dev(process, upstream, folder / "storage", *addresses)
    finally:
        process.terminate()
        assert process.wait(60) == (-signal.SIGKILL if killed else 0)
