"""All of the project, put together for Dagster."""

import warnings
from collections.abc import Sequence
from typing import Any

from dagster import (
    AssetKey,
    AssetsDefinition,
    BetaWarning,
    Definitions,
    ExecutorDefinition,
    Field,
    MetadataValue,
    map_asset_specs,
    with_source_code_references,
)

from imagetl_assets.assets import clips, films, frames_and_files, raw_data_file
from imagetl_assets.automation import (
    check_stored,
    image_etl,
    image_etl_several,
    keep_up_to_date,
    new_upstream_files,
    nightly,
    notifications,
    remove_upstream_file,
)
from imagetl_assets.checks import checks
from imagetl_assets.dask_executor import dask_executor
from imagetl_assets.dask_executor.config import CONFIG_SCHEMA
from imagetl_assets.io_manager import RecordIOManager
from imagetl_assets.settings import (
    WORKER_SETTINGS,
    AutomationSettings,
    as_config,
    dashboard_url,
    docs_url,
    private_addresses_refused,
    scheduler_address,
    storage_root,
    upstream_base,
)
from imagetl_assets.storage import ImageStorage
from imagetl_assets.upstream import UpstreamFiles

# Data versions are a beta feature of Dagster, which would say so four times a run.
warnings.filterwarnings("ignore", category=BetaWarning, module=r"imagetl_assets\.")


def define(
    storage: str,
    upstream: str,
    executor: ExecutorDefinition,
    automation: AutomationSettings | None = None,
) -> Definitions:
    """Return the definitions for this storage root, upstream base and executor."""
    automation = automation or AutomationSettings()
    image_storage = ImageStorage(root=as_config("IMAGETL_STORAGE", storage))
    refused = private_addresses_refused()
    job, several = image_etl(storage), image_etl_several(storage)
    return Definitions(
        assets=_with_links([raw_data_file, frames_and_files, *clips, *films]),
        asset_checks=checks,
        jobs=[job, several, check_stored, remove_upstream_file],
        schedules=[nightly(job, automation)],
        sensors=[
            new_upstream_files(
                [job, several],
                UpstreamFiles(base=upstream, refuse_private=refused),
                automation,
                storage,
            ),
            keep_up_to_date(storage),
            *notifications(automation),
        ],
        executor=executor,
        resources={
            "io_manager": RecordIOManager(storage=image_storage),
            "storage": image_storage,
            "upstream": UpstreamFiles(
                base=as_config("IMAGETL_UPSTREAM", upstream), refuse_private=refused
            ),
        },
    )


def _with_links(assets: Sequence[AssetsDefinition]) -> Sequence[Any]:
    """Return the assets with links for the UI: to their code, the documentation, and Dask."""
    assets = map_asset_specs(lambda spec: spec.merge_attributes(metadata=_links(spec.key)), assets)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)
        return with_source_code_references(assets)


def _links(asset: AssetKey) -> dict[str, MetadataValue[Any]]:
    links: dict[str, MetadataValue[Any]] = {}
    if url := docs_url():
        page = "storage.md" if asset == raw_data_file.key else "pictures.md"
        links["documentation"] = MetadataValue.url(f"{url}/{page}")
    if url := dashboard_url():
        links["Dask dashboard"] = MetadataValue.url(url)
    return links


def executor_for(address: str | None) -> ExecutorDefinition:
    """Return the Dask executor, by default on the cluster at `address`, or on one of its own."""
    defaults: dict[str, object] = {"same_environment": list(WORKER_SETTINGS)}
    if address is not None:
        defaults["cluster"] = {"existing": {"address": address}}
    fields = {
        name: Field(CONFIG_SCHEMA[name].config_type, default_value=value)
        for name, value in defaults.items()
    }
    return dask_executor.configured(
        lambda config: config, name="dask", config_schema={**CONFIG_SCHEMA, **fields}
    )


defs = define(
    storage_root(),
    upstream_base(),
    executor_for(scheduler_address()),
    AutomationSettings.from_environment(),
)
