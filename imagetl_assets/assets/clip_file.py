"""How clips are made for each file of a run, whatever their format, and written."""

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from dagster import AssetExecutionContext, Failure, Output

from imagetl_assets.assets.common import SHORT_RETRIES, joint_version
from imagetl_assets.assets.each_file import fail_at_end, for_each_file, remaining_keys
from imagetl_assets.assets.failures import overtaken_as_failure
from imagetl_assets.records import Clip, FrameFiles
from imagetl_assets.storage import ImageStorage
from imagetl_assets.storage.partition_folder import PartitionFolder


def check_filename(filename: str, files: FrameFiles) -> None:
    """Raise Failure if a clip has the name of the raw file."""
    if filename == files.raw.path:
        raise Failure(
            f"filename {filename!r} is the raw file's: choose another", allow_retries=False
        )


def make_clips(
    context: AssetExecutionContext,
    asset: str,
    storage: ImageStorage,
    make: Callable[[str, PartitionFolder], tuple[Clip, dict[str, Any]]],
    *,
    made_of: str = "frame_files",
) -> Iterator[Output[dict[str, Clip]]]:
    """Make a clip for each file of the run that has frames.

    Args:
        context: of the step.
        asset: that it materializes.
        storage: of the results.
        make: makes a clip and stores it with its record, from a partition key and the folder;
            returns the record, and metadata for people. It may raise Overtaken.
        made_of: the asset for which a file must not have failed.
    """

    def make_one(key: str) -> Clip:
        started = time.monotonic()
        with overtaken_as_failure(may_pass=True):
            made, metadata = make(key, storage.folder(key))
        metadata["processing seconds"] = round(time.monotonic() - started, 3)
        context.add_asset_metadata(metadata, partition_key=key)
        return made

    keys = remaining_keys(context, made_of)
    made = for_each_file(context, asset, keys, make_one, SHORT_RETRIES)
    yield Output(made, data_version=joint_version([clip.sha256 for clip in made.values()]))
    fail_at_end(context, asset)


class HashingWriter:
    """Passes on what is written; hashes and counts it.

    Attributes:
        digest: of all that was written.
        size: in bytes.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes | memoryview) -> int:
        """Write the data; return how many bytes it has."""
        self.digest.update(data)
        self._out.write(data)
        self.size += len(data)
        return len(data)
