"""The first asset: the upstream file, stored as it is."""

import time
from collections.abc import Iterator
from typing import Any

from dagster import (
    AssetExecutionContext,
    Failure,
    Output,
    RetryPolicy,
    RetryRequested,
    asset,
)
from pydantic import Field, field_validator

from imagetl_assets.assets.checked_config import CheckedConfig
from imagetl_assets.assets.common import (
    BACKFILL_POLICY,
    GROUP,
    joint_version,
)
from imagetl_assets.assets.download import Download, Obtained, OnExisting
from imagetl_assets.assets.each_file import Busy, fail_at_end, for_each_file
from imagetl_assets.assets.failures import overtaken_as_failure
from imagetl_assets.assets.places import stored_at
from imagetl_assets.assets.run_config import check_run_config
from imagetl_assets.names import check_path
from imagetl_assets.partitions import partition_keys, register_partition, upstream_files
from imagetl_assets.records import RawFile
from imagetl_assets.storage import ImageStorage
from imagetl_assets.upstream import Limits, PermanentError, TransientError, UpstreamFiles

DEFAULT_PATH = "image-data.img"
DEFAULT = Limits()
RETRIES = RetryPolicy(max_retries=2, delay=10)


class RawDataFileConfig(CheckedConfig):
    """Where to fetch the upstream file from, under which name to keep it, and how."""

    url: str | None = Field(
        default=None,
        description=(
            "http(s) or fsspec URL, or path. Default: the file in the upstream whose name is the "
            "partition key."
        ),
    )
    path: str = Field(
        default=DEFAULT_PATH, description="Name of the stored file in the partition folder."
    )
    on_existing: OnExisting = Field(
        default=OnExisting.revalidate,
        description=(
            "What to do if the file is stored already. revalidate: ask upstream whether it has "
            "changed; skip: use the stored file, without asking; redownload: download it again."
        ),
    )
    include: str | None = Field(
        default=None,
        description=(
            "Of a folder: take only the files whose path in it matches this pattern, such as "
            "'*.jpg'. Default: all files with the extension of an image format."
        ),
    )
    connect_timeout: float = Field(
        default=DEFAULT.connect, gt=0, description="Seconds to wait to connect."
    )
    read_timeout: float = Field(
        default=DEFAULT.read, gt=0, description="Seconds to wait for an answer, and for more data."
    )
    min_bytes_per_second: float = Field(
        default=DEFAULT.least_speed,
        ge=0,
        description=(
            "Give up a download that is slower than this, on average over read_timeout seconds of "
            "waiting; 0: never."
        ),
    )
    max_bytes: int = Field(
        default=DEFAULT.max_bytes, gt=0, description="Refuse files larger than this."
    )
    max_retry_after: float = Field(
        default=900,
        ge=0,
        description="Seconds to wait, at most, if a busy server asks to come back later.",
    )

    @field_validator("path")
    @classmethod
    def _is_path(cls, path: str) -> str:
        return check_path(path)

    def limits(self) -> Limits:
        """Return how long a download may take, and how large it may be."""
        return Limits(
            connect=self.connect_timeout,
            read=self.read_timeout,
            least_speed=self.min_bytes_per_second,
            max_bytes=self.max_bytes,
        )


@asset(
    partitions_def=upstream_files,
    group_name=GROUP,
    kinds={"file"},
    backfill_policy=BACKFILL_POLICY,
    retry_policy=RETRIES,
    description=(
        "The upstream file, streamed into the storage. A download that is not needed is skipped: "
        "see `on_existing`."
    ),
)
def raw_data_file(
    context: AssetExecutionContext,
    config: RawDataFileConfig,
    storage: ImageStorage,
    upstream: UpstreamFiles,
) -> Iterator[Output[dict[str, RawFile]]]:
    """Download the partition's upstream file unless it is there already."""
    check_run_config(context.run.run_config)
    keys = partition_keys(context)
    if config.url and len(keys) > 1:
        raise Failure("a run about several files cannot take a url for them", allow_retries=False)

    def download(key: str) -> RawFile:
        started = time.monotonic()
        folder = storage.folder(key)
        order = Download(
            url=config.url or upstream.url(key),
            path=config.path,
            on_existing=config.on_existing,
            limits=config.limits(),
            refuse_private=upstream.refuse_private,
            include=config.include,
        )
        try:
            with overtaken_as_failure(may_pass=True):
                obtained = order.obtain(folder, storage.turn())
        except PermanentError as error:
            raise Failure(str(error), allow_retries=False) from None
        except TransientError as error:
            raise _to_be_tried_again(error, config.max_retry_after) from None
        register_partition(context.instance, key)
        metadata = {
            **_metadata(obtained),
            **stored_at(folder, obtained.raw.path),
            "processing seconds": round(time.monotonic() - started, 3),
        }
        context.add_asset_metadata(metadata, partition_key=key)
        if obtained.skipped:
            size = obtained.raw.size
            context.log.info(f"{key}: download skipped, {size:,} bytes are there already")
        if obtained.caution:
            context.log.warning(f"{key}: {obtained.caution}")
        return obtained.raw

    try:
        files = for_each_file(context, "raw_data_file", keys, download, RETRIES)
    except Busy as busy:
        if context.retry_number < RETRIES.max_retries:
            # Dagster waits, and no worker is held meanwhile.
            raise RetryRequested(RETRIES.max_retries, seconds_to_wait=busy.seconds) from busy
        raise
    yield Output(files, data_version=joint_version([raw.sha256 for raw in files.values()]))
    fail_at_end(context, "raw_data_file")


def _metadata(obtained: Obtained) -> dict[str, Any]:
    raw = obtained.raw
    metadata = {
        "bytes": raw.size,
        "source": raw.source,
        "skipped": obtained.skipped,
    }
    metadata.update(obtained.facts)
    if obtained.compression:
        metadata["unpacked from"] = obtained.compression
    if obtained.caution:
        metadata["caution"] = obtained.caution
    return metadata


def _to_be_tried_again(error: TransientError, limit: float) -> Failure:
    """Return the failure that an error is; of one that lasts too long, that is for good."""
    wait = error.retry_after
    if wait is None:
        return Failure(str(error))
    if wait > limit:
        return Failure(
            f"{error}; it asks to wait {wait:,.0f} s, but `max_retry_after` is {limit:,.0f} s",
            allow_retries=False,
        )
    return Busy(str(error), max(wait, 1))
