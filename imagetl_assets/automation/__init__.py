"""What starts runs, and who is told how they end."""

from imagetl_assets.automation.conditions import keep_up_to_date
from imagetl_assets.automation.jobs import (
    check_stored,
    image_etl,
    image_etl_several,
    remove_upstream_file,
)
from imagetl_assets.automation.notifications import notifications
from imagetl_assets.automation.schedule import nightly
from imagetl_assets.automation.sensor import new_upstream_files

__all__ = [
    "check_stored",
    "image_etl",
    "image_etl_several",
    "keep_up_to_date",
    "new_upstream_files",
    "nightly",
    "notifications",
    "remove_upstream_file",
]
