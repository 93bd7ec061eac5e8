"""Which Dagster instance a command uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dagster import DagsterInstance

STATE_FOLDER = ".state"


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


@contextmanager
def open_instance() -> Iterator[DagsterInstance]:
    """Yield the instance of DAGSTER_HOME; without, one kept in a folder of its own here."""
    home = dagster_home()
    folder = home or Path(STATE_FOLDER).absolute()
    _make(folder, "Dagster's state has no place:")

    from dagster import DagsterInstance

    from imagetl_assets.dagster_private import instance_in

    with _alone(folder):
        if home:
            with _without_advice():
                instance = DagsterInstance.get()
        else:
            instance = instance_in(str(folder), config_folder=os.getcwd())
        instance.get_dynamic_partitions("upstream_files")
    with instance:
        yield instance


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
