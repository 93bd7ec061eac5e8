"""Finds and ends what the process of an isolated step has started.

Most of it is in the process's group. A process that has made itself a session of its own (`setsid`)
has left the group, and one whose parent has ended is in nobody's tree. But all of them inherit the
environment, so that holds a mark, by which Linux finds them. Jenkins ends what a build has left
running in the same way.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

MARK = "DAGSTER_DASK_STEP_PROCESS"
"""The environment variable that marks all processes of a step. One without it may go on."""

LEFTOVER_SECONDS = 1.0
"""How long what a process has left running may take to end. It is killed then."""

_PROCESSES = Path("/proc")


def end_leftovers(group: int, mark: str) -> None:
    """End what is left of a step whose process has ended.

    What takes care of leaked resources, as multiprocessing's resource tracker does, ends by itself
    then, and heeds no SIGTERM.
    """
    deadline = time.monotonic() + LEFTOVER_SECONDS
    left = signal_all(group, mark, signal.SIGTERM)
    while left and time.monotonic() < deadline:
        time.sleep(LEFTOVER_SECONDS / 50)
        left = signal_all(group, mark, 0)
    if left:
        signal_all(group, mark, signal.SIGKILL)


def signal_all(group: int, mark: str, number: int) -> bool:
    """Send a signal to all processes of a group or with a mark; return whether there are any.

    If this process is one of them, it comes last.
    """
    found = False
    for pid in _marked(mark):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            found = True
    with suppress(ProcessLookupError, PermissionError):  # macOS has the latter for what has ended
        os.killpg(group, number)
        found = True
    return found


def _marked(mark: str) -> list[int]:
    """Return the other processes that were started with a mark; none if this is not Linux."""
    entry, found = f"{MARK}={mark}".encode(), []
    for environment in _PROCESSES.glob("[0-9]*/environ"):
        with suppress(OSError):  # It has ended, or is another user's.
            if entry in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
    return [pid for pid in found if pid != os.getpid()]
