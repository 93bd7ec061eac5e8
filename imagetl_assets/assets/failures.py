"""Failures that several steps report in the same words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

from dagster import Failure

from imagetl_assets.records import RawFile
from imagetl_assets.storage.claims import Overtaken, start_of_run
from imagetl_assets.storage.partition_folder import PartitionFolder

_AGAIN = "Materialize it again if this run is the one wanted"
_CLOCKS = (
    "By the clock of this host, that time is in the future, so the clocks of two hosts differ, or "
    "one was set back. Runs of this file fail until that time. Set the clocks right, then wait or "
    "remove what is stored of the file (imagetl remove), and run it again"
)


def raw_file_changed(folder: PartitionFolder, raw: RawFile) -> Failure:
    """Return what to raise where the raw file is not the one that a run began with."""
    return Failure(
        f"{folder.uri(raw.path)} is not the file that this run is about: it was removed or "
        "replaced, perhaps by another run of the same file. Materialize raw_data_file again",
        allow_retries=False,
    )


@contextmanager
def overtaken_as_failure(*, may_pass: bool = False) -> Iterator[None]:
    """Turn Overtaken into the failure of a step.

    Args:
        may_pass: whether the step claims its result anew if it is tried again. Then it sees whether
            there is a newer run, and fails for good if so.
    """
    try:
        yield
    except Overtaken as error:
        raise overtaken(error.by, may_pass=may_pass and error.by is None) from None


def overtaken(by: str | None = None, *, may_pass: bool = False) -> Failure:
    """Return what to raise where another run, or another attempt, has taken over.

    Args:
        by: the turn of the newer run, if it is known that it was one.
        may_pass: whether it is of use to try the step again.
    """
    who, way_out = "a newer run of the same file", _AGAIN
    removed = ", or what this run has written was removed"
    if by is not None:
        started, removed = start_of_run(by), ""
        who += f", which started at {started:%Y-%m-%d %H:%M:%S} UTC,"
        if started > datetime.now(timezone.utc):
            way_out = _CLOCKS
    return Failure(
        f"{who} has taken over{removed}. Nothing that is stored was changed. {way_out}",
        allow_retries=may_pass,
    )
