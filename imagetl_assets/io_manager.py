"""Hands records from asset to asset."""

from collections.abc import Mapping

from dagster import ConfigurableIOManager, InputContext, OutputContext

from imagetl_assets.dagster_private import narrow_output, step_of
from imagetl_assets.keep_one import KeepOne
from imagetl_assets.records import Record
from imagetl_assets.storage import ImageStorage
from imagetl_assets.stored_records import load_records

# The step that has written a record is over, so the record stays as it is for the rest of the run.
_kept: KeepOne[dict[str, Record]] = KeepOne()


class RecordIOManager(ConfigurableIOManager):
    """Keeps the record of each asset in its partition folder, beside the results.

    Assets return and take a dict of records by partition key, as a run may be about several
    partitions. The results themselves are written by the assets, straight to the storage.
    """

    storage: ImageStorage

    def handle_output(self, context: OutputContext, obj: Mapping[str, Record]) -> None:
        """Tell Dagster which partitions are materialized: those that have a record.

        The record itself is stored already. A result and its record become visible under one claim
        (see `storage.claims`), so that no other run comes between the two, and after the step it
        would be too late for that.
        """
        narrow_output(context, obj.keys())

    def load_input(self, context: InputContext) -> dict[str, Record]:
        """Return the records of the partitions for which no step of this run has failed.

        Raises:
            Failure: as `load_records` does.
        """
        upstream = context.upstream_output
        asset = (upstream or context).asset_key.to_python_identifier()
        step = step_of(context)
        if step.step.get_mapping_key() is None:
            return load_records(self.storage, step, asset)
        return _kept.get(
            (self.storage.root, step.run_id, asset),
            lambda: load_records(self.storage, step, asset),
        )
