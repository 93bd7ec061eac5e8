"""Processes: to start them, to wait for them, and to find those that are left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

BIN = Path(sys.executable).parent
PROJECT = Path(__file__).parents[1]


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
