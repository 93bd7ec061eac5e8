"""The step `collect_frames`: publish the stored frames once all of them are there."""

import hashlib

from dagster import (
    AssetExecutionContext,
    Backoff,
    Failure,
    In,
    MetadataValue,
    Nothing,
    Out,
    Output,
    RetryPolicy,
    op,
)

from imagetl_assets.assets.common import for_each_file, joint_version
from imagetl_assets.assets.damage import damaged_metadata
from imagetl_assets.assets.failures import overtaken
from imagetl_assets.assets.step_reports import StepReports
from imagetl_assets.names import FRAMES_FOLDER
from imagetl_assets.partitions import partition_keys
from imagetl_assets.records import FrameFiles, FrameIndex
from imagetl_assets.storage import ImageStorage, publishing
from imagetl_assets.storage.partition_folder import PartitionFolder


@op(
    ins={"stored": In(Nothing)},
    out=Out(dict[str, FrameFiles]),
    retry_policy=RetryPolicy(max_retries=2, delay=1, backoff=Backoff.EXPONENTIAL),
    description="Publishes the stored frames once all of them are there.",
)
def collect_frames(
    context: AssetExecutionContext, storage: ImageStorage, index: dict[str, FrameIndex]
) -> Output[dict[str, FrameFiles]]:
    """Put the frames in their place, remove what an earlier run has left there beyond them."""
    reports = StepReports(context.instance, context.run)

    def collect(key: str) -> FrameFiles:
        folder = storage.folder(key)
        files = _publish(key, folder, index[key], reports)
        context.add_asset_metadata(
            {
                "frames": len(files.frames),
                "bytes": sum(frame.size for frame in files.frames),
                "converted": sum(frame.offset is None for frame in files.frames),
                **damaged_metadata(files.damaged),
                "stored at": MetadataValue.url(folder.uri(FRAMES_FOLDER)),
            },
            "frame_files",
            key,
        )
        return files

    collected = for_each_file(partition_keys(context), collect)
    return Output(collected, data_version=joint_version([_digest(f) for f in collected.values()]))


def _publish(
    key: str, folder: PartitionFolder, index: FrameIndex, reports: StepReports
) -> FrameFiles:
    try:
        return publishing.publish(folder, index, lambda: reports.of_index(key, folder, index))
    except publishing.Overtaken:
        raise overtaken() from None
    except publishing.NothingToPublish as problem:
        raise Failure(
            f"all frames of {index.raw.path} are damaged, the first one: {problem}",
            allow_retries=False,
        ) from None


def _digest(files: FrameFiles) -> str:
    return hashlib.sha256("".join(frame.sha256 for frame in files.frames).encode()).hexdigest()
