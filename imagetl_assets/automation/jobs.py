"""The job that takes an upstream file to a clip."""

from dagster import AssetSelection, define_asset_job
from dagster._core.storage.tags import PARTITION_NAME_TAG

from imagetl_assets.partitions import DEFAULT_FILE, upstream_files

image_etl = define_asset_job(
    "image_etl",
    selection=AssetSelection.groups("images"),
    partitions_def=upstream_files,
    # A run that names no partition is about this one; its own tag replaces this.
    tags={PARTITION_NAME_TAG: DEFAULT_FILE},
    description="Download one upstream file, store its frames, make them a clip.",
)
