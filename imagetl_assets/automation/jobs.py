"""The job that takes an upstream file to a clip."""

from dagster import AssetSelection, define_asset_job
from dagster._core.storage.tags import PARTITION_NAME_TAG

from imagetl_assets.partitions import DEFAULT_FILE, upstream_files
from imagetl_assets.settings import storage_root
from imagetl_assets.storage import root_name
from imagetl_assets.storage.resource import ROOT_TAG

image_etl = define_asset_job(
    "image_etl",
    selection=AssetSelection.groups("images"),
    partitions_def=upstream_files,
    tags={
        # A run that names no partition is about this one; its own tag replaces this.
        PARTITION_NAME_TAG: DEFAULT_FILE,
        # All workers of a run have to agree with the process that has created it.
        ROOT_TAG: root_name(storage_root()),
    },
    description="Download one upstream file, store its frames, make them a clip.",
)
