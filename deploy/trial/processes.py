"""Processes that outlive whoever started them, known by their pid files."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

STOP_SECONDS = 20


@dataclass(frozen=True)
class Background:
    """A process in the background, with all that it starts; its files are in `folder`.

    It leads a session of its own, which is how its descendants are found even if it has died.
    """

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.folder / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        """Holds its pid, and when it was started."""
        return self.folder / f"{self.name}.pid"

    def start(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        """Start it, with an empty log and in a working folder of its own."""
        cwd = self.folder / self.name
        cwd.mkdir(exist_ok=True)
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                command,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid_file.write_text(f"{process.pid} {psutil.Process(process.pid).create_time()}")

    def process(self) -> psutil.Process | None:
        """Return the process that was started, if it is running."""
        process = self._started()
        return process if process and _runs(process) else None

    def session(self) -> list[psutil.Process]:
        """Return all that runs of its session. Until it ends, its number is not used again."""
        noted = self._noted()
        if noted is None or (psutil.pid_exists(noted[0]) and not self._started()):
            return []
        return [p for p in psutil.process_iter() if _session_of(p) == noted[0] and _runs(p)]

    def _started(self) -> psutil.Process | None:
        """Return the process that was started, unless its pid is free or another's by now."""
        if noted := self._noted():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(noted[0])
                if process.create_time() == noted[1]:
                    return process
        return None

    def _noted(self) -> tuple[int, float] | None:
        with suppress(FileNotFoundError, ValueError):
            pid, created = self.pid_file.read_text().split()
            return int(pid), float(created)
        return None


def stop(*backgrounds: Background) -> None:
    """End processes and what is left of their descendants; no matter if nothing is."""
    leaders = [process for background in backgrounds if (process := background.process())]
    _end(leaders, psutil.Process.terminate)
    for signal_it in (psutil.Process.terminate, psutil.Process.kill):
        _end([p for background in backgrounds for p in background.session()], signal_it)
    for background in backgrounds:
        background.pid_file.unlink(missing_ok=True)


def _session_of(process: psutil.Process) -> int | None:
    with suppress(ProcessLookupError, PermissionError):
        return os.getsid(process.pid)
    return None


def _end(processes: Sequence[psutil.Process], signal_it: Callable[[psutil.Process], None]) -> None:
    """Signal processes and wait until they are gone, but not for ever."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            signal_it(process)
    deadline = time.monotonic() + STOP_SECONDS
    while any(_runs(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)


def _runs(process: psutil.Process) -> bool:
    """Return whether a process does anything still: it may be over and not yet be removed."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
