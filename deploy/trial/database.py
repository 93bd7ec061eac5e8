"""PostgreSQL of the trial, from the package pgserver. It listens on a socket in its folder only."""

from __future__ import annotations

import signal
import warnings
from contextlib import suppress
from pathlib import Path

import psutil

from deploy.trial.errors import TrialError

STOP_SECONDS = 30


def start(folder: Path) -> str:
    """Start the server unless it is running; return its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a runtime folder, that is not used
        from pgserver.postgres_server import get_server
    try:
        server = get_server(folder, cleanup_mode=None)
    except Exception as error:
        raise TrialError(f"PostgreSQL does not start: {error}; its log is {folder}/log") from error
    # The driver that dagster-postgres brings; SQLAlchemy has another default from 2.1 on.
    return str(server.get_uri()).replace("postgresql://", "postgresql+psycopg2://")


def pid(folder: Path) -> int | None:
    """Return the pid of the server that runs in this folder, if one does."""
    process = _process(folder)
    return process.pid if process else None


def stop(folder: Path) -> None:
    """Stop the server, if it runs: it ends what it is doing and writes all to disk."""
    if process := _process(folder):
        process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS)


def _process(folder: Path) -> psutil.Process | None:
    """Return the server's process, by the file in which PostgreSQL notes its pid and folder."""
    with suppress(FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        lines = (folder / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        if lines[1] == str(folder) and "postgres" in process.name():
            return process
    return None
