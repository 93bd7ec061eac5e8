"""What starts runs: jobs."""

from imagetl_assets.automation.jobs import image_etl

__all__ = ["image_etl"]
