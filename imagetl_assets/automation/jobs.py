"""The job that takes an upstream file to a clip, and the one that looks at what is stored."""

from dagster import (
    AssetSelection,
    Config,
    Failure,
    OpExecutionContext,
    define_asset_job,
    in_process_executor,
    job,
    op,
)
from pydantic import Field

from imagetl_assets.assets.common import GROUP
from imagetl_assets.assets.films import offered_films
from imagetl_assets.checks import THOROUGH_CHECKS
from imagetl_assets.dagster_private import PARTITION_TAG, UnresolvedAssetJobDefinition
from imagetl_assets.names import InvalidName
from imagetl_assets.partitions import DEFAULT_FILE, upstream_files
from imagetl_assets.removal import CannotRemove, remove_file
from imagetl_assets.settings import wanted_films
from imagetl_assets.storage import ImageStorage, open_store, root_name
from imagetl_assets.storage.resource import ROOT_TAG, store_errors_as_failures


def _selection() -> AssetSelection:
    """Return what a run makes: all but the clips that nobody has asked for.

    Checks that read all of the results again would double what a run costs.
    """
    unwanted = [film.asset_name for film in offered_films() if film.name not in wanted_films()]
    selection = AssetSelection.groups(GROUP) - AssetSelection.checks(*THOROUGH_CHECKS)
    return selection - AssetSelection.assets(*unwanted) if unwanted else selection


def image_etl(storage: str) -> UnresolvedAssetJobDefinition:
    """Return the job, for definitions whose storage root is this one."""
    return define_asset_job(
        "image_etl",
        selection=_selection(),
        partitions_def=upstream_files,
        tags={
            # A run that names no partition is about this one; its own tag replaces this.
            PARTITION_TAG: DEFAULT_FILE,
            # All workers of a run have to agree with the process that has created it.
            ROOT_TAG: root_name(storage),
        },
        description="Download one upstream file, store its frames, and make a clip of them.",
    )


def image_etl_several(storage: str) -> UnresolvedAssetJobDefinition:
    """Return the job for several files at once: its runs name a range of partitions."""
    return define_asset_job(
        "image_etl_several",
        selection=_selection(),
        partitions_def=upstream_files,
        tags={ROOT_TAG: root_name(storage)},
        description="The same as image_etl, for several upstream files in one run.",
    )


check_stored = define_asset_job(
    "check_stored",
    selection=AssetSelection.checks(*THOROUGH_CHECKS),
    partitions_def=upstream_files,
    description="Read all that is stored of an upstream file, and check that it is complete.",
)


class RemovalConfig(Config):
    """What to remove."""

    file: str = Field(description="The partition key, which is the name of the upstream file.")


@op(description="Removes what is stored of a file, and its partition.")
def remove(context: OpExecutionContext, config: RemovalConfig, storage: ImageStorage) -> None:
    """Remove one file, or fail and say why."""
    try:
        store = open_store(storage.root)
        with store_errors_as_failures():
            found = remove_file(context.instance, store, config.file)
    except (InvalidName, CannotRemove) as error:
        raise Failure(str(error), allow_retries=False) from None
    if not found:
        raise Failure(f"there is no {config.file} in {store.root}", allow_retries=False)
    context.log.info(f"{config.file} is removed from {store.root}")


@job(
    name="remove_upstream_file",
    config={"ops": {"remove": {"config": {"file": ""}}}},  # so the launchpad has a line for it
    executor_def=in_process_executor,
    description="Remove all that is stored of an upstream file, and its partition.",
)
def remove_upstream_file() -> None:
    """Do it in the process of the run: there is nothing to do in parallel."""
    remove()
