"""Failures that several steps report in the same words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import Failure

from imagetl_assets.records import RawFile
from imagetl_assets.storage.claims import Overtaken
from imagetl_assets.storage.partition_folder import PartitionFolder


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
        raise overtaken(may_pass=may_pass and not error.by_newer_run) from None


def overtaken(*, may_pass: bool = False) -> Failure:
    """Return what to raise where another run, or another attempt, has taken over."""
    return Failure(
        "a newer run of the same file has taken over, or what this run has written was removed. "
        "Nothing that is stored was changed. Materialize it again if this run is the one wanted",
        allow_retries=may_pass,
    )
