"""The first asset: the upstream file, stored as it is."""

import hashlib
import time
from collections.abc import Iterator
from enum import Enum
from typing import BinaryIO

from dagster import (
    AssetExecutionContext,
    Config,
    Failure,
    MetadataValue,
    Output,
    RetryPolicy,
    asset,
)
from pydantic import Field

from imagetl_assets.assets.common import (
    BACKFILL_POLICY,
    GROUP,
    OWNERS,
    for_each_file,
    joint_version,
)
from imagetl_assets.images.bundle import looks_like_bundle
from imagetl_assets.names import InvalidName, check_path
from imagetl_assets.partitions import partition_keys, upstream_files
from imagetl_assets.records import RawFile, RecordError
from imagetl_assets.redact import redact_url
from imagetl_assets.storage import FileState, ImageStorage
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.upstream import (
    Known,
    PermanentError,
    Timeouts,
    TransientError,
    UpstreamFile,
    UpstreamFiles,
    open_upstream,
    source_id,
)

DEFAULT_PATH = "image-data.img"


class OnExisting(Enum):
    """What to do if the file has been downloaded before."""

    revalidate = "revalidate"
    skip = "skip"
    redownload = "redownload"


class RawDataFileConfig(Config):
    """Where to fetch the upstream file from, under which name to keep it, and how."""

    url: str | None = Field(
        default=None,
        description="http(s) or fsspec URL, or path. Default: the partition key, in the upstream.",
    )
    path: str = Field(
        default=DEFAULT_PATH, description="Name of the stored file in the partition's folder."
    )
    on_existing: OnExisting = Field(
        default=OnExisting.revalidate,
        description=(
            "revalidate: ask upstream whether the stored file is still current; "
            "skip: use a file that is there, without any network; "
            "redownload: always fetch."
        ),
    )
    connect_timeout: float = Field(default=10, gt=0, description="Seconds to wait to connect.")
    read_timeout: float = Field(default=60, gt=0, description="Seconds to wait for more data.")
    max_bytes: int | None = Field(default=None, gt=0, description="Refuse files larger than this.")


@asset(
    partitions_def=upstream_files,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"http", "file"},
    backfill_policy=BACKFILL_POLICY,
    retry_policy=RetryPolicy(max_retries=2, delay=10),
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
) -> Output[dict[str, RawFile]]:
    """Download the partition's upstream file unless it is there already."""
    keys = partition_keys(context)
    try:
        check_path(config.path)
    except InvalidName as error:
        raise Failure(str(error), allow_retries=False) from None
    if config.url and len(keys) > 1:
        raise Failure("a run about several files cannot take a url for them", allow_retries=False)

    def download(key: str) -> RawFile:
        started = time.monotonic()
        folder = storage.folder(key)
        url = config.url or upstream.url(key)
        try:
            raw, skipped = _obtain(folder, config, url, refuse_private=upstream.refuse_private)
        except PermanentError as error:
            raise Failure(str(error), allow_retries=False) from None
        except TransientError as error:
            raise Failure(str(error)) from None
        if skipped:
            context.log.info(f"Download skipped: {raw.path} of {raw.size:,} bytes is there already")
        context.add_asset_metadata(
            {
                "bytes": raw.size,
                "sha256": raw.sha256,
                "source": raw.source,
                "stored at": MetadataValue.url(folder.uri(raw.path)),
                "skipped": skipped,
                "seconds": round(time.monotonic() - started, 3),
            },
            partition_key=key,
        )
        return raw

    files = for_each_file(keys, download)
    return Output(files, data_version=joint_version([raw.sha256 for raw in files.values()]))


def _stored(folder: PartitionFolder, path: str) -> RawFile | None:
    """Return the record of the file at `path` if it still is the file that the record describes."""
    try:
        record = folder.load("raw_data_file", RawFile)
    except RecordError:
        return None
    if record is None or record.path != path:
        return None
    state = folder.store.state(folder.path(path))
    return record if state and state.version == record.version else None


def _obtain(
    folder: PartitionFolder, config: RawDataFileConfig, url: str, *, refuse_private: bool
) -> tuple[RawFile, bool]:
    """Return the record of the stored file, and whether the config spared the download."""
    stored = _stored(folder, config.path)
    if config.on_existing is OnExisting.skip:
        found = stored or _adopt(folder, config.path)
        if found:
            return found, True
    known = Known()
    same_source = stored and stored.source_id == source_id(url)
    if stored and same_source and config.on_existing is OnExisting.revalidate:
        known = Known(stored.etag, stored.last_modified)
    timeouts = Timeouts(config.connect_timeout, config.read_timeout)
    with open_upstream(url, known, timeouts, refuse_private=refuse_private) as file:
        if file is None:
            assert stored is not None  # only a known file can be unchanged
            return stored, True
        with folder.store.create(folder.path(config.path)) as out:
            size, sha256 = _copy(file, out, config.max_bytes, redact_url(url))
    raw = RawFile(
        path=config.path,
        size=size,
        sha256=sha256,
        version=_state(folder, config.path).version,
        source=redact_url(url),
        source_id=source_id(url),
        etag=file.etag,
        last_modified=file.last_modified,
    )
    return raw, False


def _copy(file: UpstreamFile, out: BinaryIO, max_bytes: int | None, shown: str) -> tuple[int, str]:
    """Stream `file` to `out`; return its size and sha256.

    Raises:
        UpstreamError: it cannot be read to its end, is too large, or no bundle of images.
    """
    _check_size(file.size or 0, max_bytes, shown)
    digest = hashlib.sha256()
    size = 0
    for block in file.blocks:
        if not size and (problem := looks_like_bundle(block)):
            raise PermanentError(f"{shown} is not a bundle of images: {problem}")
        size += len(block)
        _check_size(size, max_bytes, shown)
        digest.update(block)
        out.write(block)
    if not size:
        raise PermanentError(f"{shown} is not a bundle of images: it is empty")
    return size, digest.hexdigest()


def _check_size(size: int, max_bytes: int | None, shown: str) -> None:
    if max_bytes is not None and size > max_bytes:
        raise PermanentError(f"{shown} is larger than the limit of {max_bytes:,} bytes")


def _adopt(folder: PartitionFolder, path: str) -> RawFile | None:
    """Return a record of a file that is there without one, as when a user has put it there."""
    key = folder.path(path)
    state = folder.store.state(key)
    if state is None:
        return None
    digest = hashlib.sha256()
    with folder.store.open(key, state) as file:
        for block in _blocks(file):
            digest.update(block)
    uri = folder.uri(path)
    return RawFile(path, state.size, digest.hexdigest(), state.version, uri, source_id(uri))


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(1024 * 1024):
        yield block


def _state(folder: PartitionFolder, path: str) -> FileState:
    state = folder.store.state(folder.path(path))
    if state is None:
        raise Failure(f"{folder.uri(path)} vanished while it was being stored")
    return state
