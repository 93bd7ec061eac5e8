"""Failures that several steps report in the same words."""

from __future__ import annotations

from dagster import Failure

from imagetl_assets.records import RawFile
from imagetl_assets.storage.partition_folder import PartitionFolder


def raw_file_changed(folder: PartitionFolder, raw: RawFile) -> Failure:
    """Return what to raise where the raw file is not the one that a run began with."""
    return Failure(
        f"{folder.uri(raw.path)} is not the file that this run is about: it was removed or "
        "replaced, perhaps by another run of the same file. Materialize raw_data_file again",
        allow_retries=False,
    )


def overtaken() -> Failure:
    """Return what to raise where what a run has stored is not there any more."""
    return Failure(
        "frames of this run are gone: a newer run of the same file has taken its place, or "
        "the storage was changed. Materialize frames again if this one is wanted",
        allow_retries=False,
    )
