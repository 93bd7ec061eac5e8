"""Hands records from asset to asset."""

from collections.abc import Callable, Mapping, Sequence

from dagster import ConfigurableIOManager, Failure, InputContext, OutputContext

from imagetl_assets.dagster_private import step_of
from imagetl_assets.partitions import partition_keys
from imagetl_assets.records import RECORD_TYPES, Record, RecordError
from imagetl_assets.storage import ImageStorage
from imagetl_assets.storage.resource import store_errors_as_failures


class _Kept:
    """The record that the mapped steps of a run have in common, read once by each process.

    The step that has written it is over, so the record stays as it is for the rest of the run.
    """

    def __init__(self) -> None:
        self._key: tuple[str, ...] = ()
        self._records: dict[str, Record] = {}

    def get(self, key: tuple[str, ...], load: Callable[[], dict[str, Record]]) -> dict[str, Record]:
        """Return the records that are kept for this run and asset, or load them."""
        if self._key != key:
            self._records, self._key = load(), key
        return self._records


_kept = _Kept()


class RecordIOManager(ConfigurableIOManager):
    """Keeps the record of each asset in its partition folder, beside the results.

    Assets return and take a dict of records by partition key, as a run may be about several
    partitions. The results themselves are written by the assets, straight to the storage.
    """

    storage: ImageStorage

    def handle_output(self, context: OutputContext, obj: Mapping[str, Record]) -> None:
        """Store the records."""
        asset = context.asset_key.to_python_identifier()
        with store_errors_as_failures():
            for partition, record in obj.items():
                self.storage.folder(partition).save(asset, record)

    def load_input(self, context: InputContext) -> dict[str, Record]:
        """Return the records. Raises Failure if there is one that cannot be read."""
        upstream = context.upstream_output
        asset = (upstream or context).asset_key.to_python_identifier()
        step = step_of(context)
        if step.step.get_mapping_key() is None:
            return self._load_all(asset, context)
        return _kept.get(
            (self.storage.root, step.run_id, asset), lambda: self._load_all(asset, context)
        )

    def _load_all(self, asset: str, context: InputContext) -> dict[str, Record]:
        with store_errors_as_failures():
            return {partition: self._load(asset, partition) for partition in _partitions(context)}

    def _load(self, asset: str, partition: str) -> Record:
        try:
            record = self.storage.folder(partition).load(asset, RECORD_TYPES[asset])
        except RecordError as error:
            raise Failure(
                f"the record of {asset} for {partition} cannot be read ({error}): "
                f"materialize {asset} again",
                allow_retries=False,
            ) from None
        if record is None:
            raise Failure(
                f"there is no {asset} for {partition} in {self.storage.root}: "
                f"materialize {asset} first",
                allow_retries=False,
            )
        return record


def _partitions(context: InputContext) -> Sequence[str]:
    if context.has_partition_key:
        return [context.partition_key]
    return partition_keys(step_of(context))
