"""Hands records from asset to asset."""

from dagster import ConfigurableIOManager, Failure, InputContext, OutputContext

from imagetl_assets.records import RECORD_TYPES, Record, RecordError
from imagetl_assets.storage import ImageStorage


class RecordIOManager(ConfigurableIOManager):
    """Keeps the record of each asset in its partition's folder, beside the results.

    The results themselves are written by the assets, straight to the storage.
    """

    storage: ImageStorage

    def handle_output(self, context: OutputContext, obj: Record) -> None:
        """Store the record."""
        asset = context.asset_key.to_python_identifier()
        self.storage.folder(context.partition_key).save(asset, obj)

    def load_input(self, context: InputContext) -> Record:
        """Return the record. Raises Failure if there is none that can be read."""
        upstream = context.upstream_output
        asset = (upstream or context).asset_key.to_python_identifier()
        partition = context.partition_key
        try:
            record = self.storage.folder(partition).load(asset, RECORD_TYPES[asset])
        except RecordError as error:
            raise Failure(
                f"the record of {asset} for {partition} is damaged ({error}): "
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
