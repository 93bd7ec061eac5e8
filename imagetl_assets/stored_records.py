"""Reads the records of an asset for the partitions of a run."""

from __future__ import annotations

from typing import Any

from dagster import Failure

from imagetl_assets.file_failures import PlainFailure, noted_up_to
from imagetl_assets.partitions import Context, partition_keys, run_of
from imagetl_assets.records import RECORD_TYPES, Record, RecordError
from imagetl_assets.storage import ImageStorage
from imagetl_assets.storage.resource import store_errors_as_failures


class Records(dict[str, Any]):
    """Records by partition key. To ask for one that could not be read raises its Failure."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: dict[str, Failure] = {}

    def __missing__(self, key: str) -> Any:
        raise self.failures[key]


def load_records(storage: ImageStorage, context: Context, asset: str) -> Records:
    """Return the records of the partitions for which no step of this run has failed.

    Raises:
        Failure: the record cannot be read, and the run is about one partition. In a run about
            several, this is raised when somebody asks for the record.
    """
    records = Records()
    if context.has_partition_key:
        with store_errors_as_failures():
            records[context.partition_key] = _load(storage, asset, context.partition_key)
        return records
    failed = noted_up_to(context.instance, run_of(context), asset)
    for key in partition_keys(context):
        if key not in failed:
            try:
                with store_errors_as_failures():
                    records[key] = _load(storage, asset, key)
            except Failure as failure:
                records.failures[key] = failure
    return records


def _load(storage: ImageStorage, asset: str, key: str) -> Record:
    try:
        record = storage.folder(key).load(asset, RECORD_TYPES[asset])
    except RecordError as error:
        raise PlainFailure(
            f"the record of {asset} for {key} cannot be read ({error}): materialize {asset} again",
            allow_retries=False,
        ) from None
    if record is None:
        raise PlainFailure(
            f"there is no {asset} for {key} in {storage.root}: materialize {asset} first",
            allow_retries=False,
        )
    return record
