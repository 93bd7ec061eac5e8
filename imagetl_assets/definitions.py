"""All of the project, put together for Dagster."""

import warnings

from dagster import BetaWarning, Definitions, ExecutorDefinition, Field

from imagetl_assets.assets import clip_gif, frames_and_files, raw_data_file
from imagetl_assets.automation import image_etl
from imagetl_assets.dask_executor import dask_executor
from imagetl_assets.dask_executor.config import CONFIG_SCHEMA
from imagetl_assets.io_manager import RecordIOManager
from imagetl_assets.settings import scheduler_address, storage_root, upstream_base
from imagetl_assets.storage import ImageStorage
from imagetl_assets.upstream import UpstreamFiles

# Data versions are a beta feature of Dagster, which would say so four times a run.
warnings.filterwarnings("ignore", category=BetaWarning, module=r"imagetl_assets\.")


def _executor() -> ExecutorDefinition:
    """Return the Dask executor; its cluster is `DASK_SCHEDULER_ADDRESS` where that is set."""
    address = scheduler_address()
    if not address:
        return dask_executor
    cluster = Field(
        CONFIG_SCHEMA["cluster"].config_type, default_value={"existing": {"address": address}}
    )
    return dask_executor.configured(
        lambda config: config, name="dask", config_schema={**CONFIG_SCHEMA, "cluster": cluster}
    )


storage = ImageStorage(root=storage_root())

defs = Definitions(
    assets=[raw_data_file, frames_and_files, clip_gif],
    jobs=[image_etl],
    executor=_executor(),
    resources={
        "io_manager": RecordIOManager(storage=storage),
        "storage": storage,
        "upstream": UpstreamFiles(base=upstream_base()),
    },
)
