"""A contender: a process that stays alive, waits, and does the work once in each of its turns."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from testbed.dask_cluster import AS_TOLD
from testbed.processes import PROJECT

_SAMPLE_SECONDS = 0.05
_LOOKS = 20
_STOP_SECONDS = 30
_SETTLE_SECONDS = 0.5  # after a pause, a cluster first does its periodic work


class ContenderFailed(Exception):
    """A contender did not finish a run. The message holds the end of its log."""


@dataclass(frozen=True)
class Turn:
    """What a run needed: seconds, and the peak memory (MB) of its main and its largest process."""

    seconds: float
    main_mb: float
    largest_mb: float


@dataclass
class Contender:
    """A running contender. `turn` lets it do the work once."""

    name: str
    folder: Path
    process: subprocess.Popen[str]
    log: Path

    def turn(self, url: str) -> Turn:
        """Let it process the bundle at `url` once. Raises ContenderFailed."""
        assert self.process.stdin
        assert self.process.stdout
        os.sync()  # so that this turn does not pay for what the one before has left to be written
        with _awake(self.process.pid), _sampled(self.process.pid) as peaks:
            try:
                self.process.stdin.write(f"{url}\n")
                self.process.stdin.flush()
                answer = self.process.stdout.readline()
            except BrokenPipeError:
                answer = ""
        if not answer:
            raise ContenderFailed(complaint(self.log))
        main = peaks.pop(self.process.pid, 0)
        largest = max([main, *peaks.values()])
        return Turn(float(answer), main / 1e6, largest / 1e6)


@contextmanager
def at_work(
    name: str, python: str, args: list[str], folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[Contender]:
    """Start a contender in a new folder. It is stopped when the block ends."""
    folder.mkdir()
    log = folder.with_name(f"{folder.name}.log")
    with log.open("w") as errors:
        process = subprocess.Popen(
            [python, *args],
            cwd=folder,
            env=surroundings(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # Ctrl-C reaches this process only, which then stops the others
        )
    try:
        yield Contender(name, folder, process, log)
    finally:
        _end(process)


def surroundings(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a contender, without the user's own settings."""
    settings = ("IMAGETL_", "DAGSTER_", "DASK_", "PREFECT_", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
    return {**inherited, "PYTHONPATH": str(PROJECT), **AS_TOLD, **(env or {})}


def complaint(log: Path) -> str:
    """Return the last line of a log that names an error, or else its last line."""
    lines = [line.strip()[:200] for line in log.read_text(errors="replace").splitlines()]
    lines = [line for line in lines if line] or ["it said nothing"]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1])


def project_program(name: str) -> str:
    """Return the path of a command that was installed with the project."""
    return str(Path(sys.executable).with_name(name))


@dataclass
class _Sampler:
    """Records the peak memory of a process and of its child processes."""

    root: int
    peaks: dict[int, float] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stop.is_set():
            known = _tree(self.root)  # listing the processes takes longer than reading their memory
            for _ in range(_LOOKS):
                for process in known:
                    self._look(process)
                if self.stop.wait(_SAMPLE_SECONDS):
                    return

    def _look(self, process: psutil.Process) -> None:
        with suppress(psutil.Error):
            self.peaks[process.pid] = max(self.peaks.get(process.pid, 0), process.memory_info().rss)


def _tree(root: int) -> list[psutil.Process]:
    """Return a process and all of its descendants; an empty list if it has ended."""
    with suppress(psutil.Error):
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    return []


def _tell_all(tree: Iterable[psutil.Process], action: Callable[[psutil.Process], object]) -> None:
    """Call this for each process that still exists."""
    for process in tree:
        with suppress(psutil.Error):
            action(process)


@contextmanager
def _awake(pid: int) -> Iterator[None]:
    """Resume a process and its descendants for the block, and suspend them afterwards.

    Otherwise idle clusters would take processor time from the contender whose turn it is.
    """
    _tell_all(_tree(pid), psutil.Process.resume)
    time.sleep(_SETTLE_SECONDS)
    try:
        yield
    finally:
        _tell_all(_tree(pid), psutil.Process.suspend)


@contextmanager
def _sampled(pid: int) -> Iterator[dict[int, float]]:
    """Yield the peak memory of each process in bytes, by its pid; updated while the block runs."""
    sampler = _Sampler(pid)
    thread = threading.Thread(target=sampler.run, daemon=True)
    thread.start()
    try:
        yield sampler.peaks
    finally:
        sampler.stop.set()
        thread.join()


def _end(process: subprocess.Popen[str]) -> None:
    """Close its input, so that it ends by itself; kill whatever is left of it afterwards."""
    tree = _tree(process.pid)
    _tell_all(tree, psutil.Process.resume)
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.close()
        process.wait(_STOP_SECONDS)
    except (BrokenPipeError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
    process.stdout.close()
    _tell_all(tree, psutil.Process.kill)
