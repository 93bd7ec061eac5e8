"""Which Dagster instance a command uses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dagster import DagsterInstance

STATE_FOLDER = ".state"

# Where Dagster keeps SQLite files, in the folder of an instance.
_DATABASES = ("history", "schedules")
# This file is there while they are made.
_UNFINISHED = ".imagetl.unfinished"


def dagster_home() -> Path | None:
    """Return the folder that `DAGSTER_HOME` names, made if it is not there; None if it is not set.

    `~` is the home folder, and a relative path counts from here. The variable is set to what comes
    of it, so that Dagster and other processes find the same folder.

    Raises:
        click.ClickException: it cannot be made.
    """
    value = os.environ.get("DAGSTER_HOME")
    if not value:
        os.environ.pop("DAGSTER_HOME", None)
        return None
    folder = Path(value).expanduser().absolute()
    _make(folder, f"DAGSTER_HOME is {value!r}, but")
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


def make_databases(folder: Path) -> None:
    """Have Dagster make its databases in the folder of the instance, unless they are there."""
    if (folder / _UNFINISHED).exists() or not (folder / _DATABASES[0]).exists():
        with open_instance():
            pass


@contextmanager
def open_instance() -> Iterator[DagsterInstance]:
    """Yield the instance of DAGSTER_HOME; without, one kept in a folder of its own here."""
    home = dagster_home()
    folder = home or Path(STATE_FOLDER).absolute()
    _make(folder, "Dagster's state has no place:")

    from dagster import DagsterInstance

    from imagetl_assets.dagster_private import instance_in

    with _alone(folder), _made_whole(folder):
        if home:
            with _without_advice():
                instance = DagsterInstance.get()
        else:
            instance = instance_in(str(folder), config_folder=os.getcwd())
        instance.get_dynamic_partitions("upstream_files")
    with instance:
        yield instance


@contextmanager
def _made_whole(folder: Path) -> Iterator[None]:
    """Let Dagster make its databases in the block. Those that were only half made are made anew.

    Dagster does not see that tables are missing if a process was killed while it made them.
    """
    unfinished = folder / _UNFINISHED
    if unfinished.exists() and not _has_runs(folder):
        for name in _DATABASES:
            shutil.rmtree(folder / name, ignore_errors=True)
    if not any((folder / name).exists() for name in _DATABASES):
        unfinished.touch()
    yield
    unfinished.unlink(missing_ok=True)


def _has_runs(folder: Path) -> bool:
    """Return whether a run was recorded: then the databases are whole, and are to be kept."""
    import sqlite3

    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(folder / _DATABASES[0] / "runs.db")) as db,
    ):
        return db.execute("SELECT 1 FROM runs LIMIT 1").fetchone() is not None
    return False


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep Dagster from advising to make an empty dagster.yaml where there is none."""
    import logging

    def is_other(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("No dagster instance configuration file")

    logger = logging.getLogger("dagster")
    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def _make(folder: Path, what: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{what} {folder} cannot be made: {reason}") from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other commands waiting meanwhile: two that create one SQLite file fail."""
    try:
        lock = (folder / ".imagetl.lock").open("w")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"cannot write to {folder}: {reason}") from None
    with lock:
        with suppress(ImportError):  # only POSIX has it
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
