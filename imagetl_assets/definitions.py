"""All of the project, put together for Dagster."""

import os

from dagster import Definitions, in_process_executor

from imagetl_assets.assets import clip_gif, frames_and_files, raw_data_file
from imagetl_assets.automation import image_etl
from imagetl_assets.io_manager import RecordIOManager
from imagetl_assets.storage import ImageStorage
from imagetl_assets.upstream import UpstreamFiles
from imagetl_assets.upstream.resource import DEFAULT_UPSTREAM

storage = ImageStorage(root=os.environ.get("IMAGETL_STORAGE", "storage"))

defs = Definitions(
    assets=[raw_data_file, frames_and_files, clip_gif],
    jobs=[image_etl],
    executor=in_process_executor,
    resources={
        "io_manager": RecordIOManager(storage=storage),
        "storage": storage,
        "upstream": UpstreamFiles(base=os.environ.get("IMAGETL_UPSTREAM", DEFAULT_UPSTREAM)),
    },
)
