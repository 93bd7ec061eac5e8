"""When Dagster brings an asset up to date by itself."""

from __future__ import annotations

from dagster import (
    AssetSelection,
    AutomationConditionSensorDefinition,
    DefaultSensorStatus,
)

from imagetl_assets.assets.common import GROUP
from imagetl_assets.storage import root_name
from imagetl_assets.storage.resource import ROOT_TAG


def keep_up_to_date(storage: str) -> AutomationConditionSensorDefinition:
    """Return the sensor that evaluates the assets' conditions, for this storage root."""
    return AutomationConditionSensorDefinition(
        "keep_up_to_date",
        target=AssetSelection.groups(GROUP),
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        run_tags={ROOT_TAG: root_name(storage)},
        description="Brings the other assets up to date when raw_data_file has changed.",
    )
