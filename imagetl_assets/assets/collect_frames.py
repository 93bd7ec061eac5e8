"""The step `collect_frames`: publish the stored frames once all of them are there."""

import base64
import hashlib
from collections.abc import Iterator

from dagster import (
    AssetExecutionContext,
    Failure,
    In,
    MetadataValue,
    Nothing,
    Out,
    Output,
    op,
)

from imagetl_assets.assets.common import SHORT_RETRIES, joint_version
from imagetl_assets.assets.damage import damaged_metadata
from imagetl_assets.assets.each_file import fail_at_end, for_each_file, remaining_keys
from imagetl_assets.assets.failures import overtaken_as_failure
from imagetl_assets.assets.places import stored_at
from imagetl_assets.assets.step_reports import StepReports
from imagetl_assets.images.contact_sheet import MOST_SHOWN, contact_sheet
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.thumbnails import spread
from imagetl_assets.names import FRAMES_FOLDER
from imagetl_assets.records import FrameFiles, FrameIndex
from imagetl_assets.storage import ImageStorage, publishing
from imagetl_assets.storage.partition_folder import PartitionFolder


@op(
    ins={"stored": In(Nothing)},
    out=Out(dict[str, FrameFiles]),
    retry_policy=SHORT_RETRIES,
    description="Publishes the stored frames when all of them are there.",
)
def collect_frames(
    context: AssetExecutionContext, storage: ImageStorage, index: dict[str, FrameIndex]
) -> Iterator[Output[dict[str, FrameFiles]]]:
    """Put the frames in their place, remove what an earlier run has left there beyond them."""
    reports = StepReports(context.instance, context.run)

    def collect(key: str) -> FrameFiles:
        folder = storage.folder(key)
        with overtaken_as_failure():
            publishing.check_turn(index[key], storage.turn())
            files = _publish(key, folder, index[key], reports)
        context.add_asset_metadata(
            {
                **_contact_sheet(folder, files),
                "frames": len(files.frames),
                "bytes": sum(frame.size for frame in files.frames),
                "converted": sum(frame.offset is None for frame in files.frames),
                **damaged_metadata(files.damaged),
                **stored_at(folder, FRAMES_FOLDER),
            },
            "frame_files",
            key,
        )
        return files

    # Files whose frames a mapped step could not store are left out.
    keys = remaining_keys(context, "frame_files")
    collected = for_each_file(context, "frame_files", keys, collect, SHORT_RETRIES)
    yield Output(collected, data_version=joint_version([_digest(f) for f in collected.values()]))
    fail_at_end(context, "frame_files")


def _publish(
    key: str, folder: PartitionFolder, index: FrameIndex, reports: StepReports
) -> FrameFiles:
    try:
        return publishing.publish(folder, index, lambda: reports.of_index(key, folder, index))
    except publishing.NothingToPublish as problem:
        raise Failure(
            f"all frames of {index.raw.path} are damaged, the first one: {problem}",
            allow_retries=False,
        ) from None


def _contact_sheet(folder: PartitionFolder, files: FrameFiles) -> dict[str, MetadataValue]:
    """Return a contact sheet; nothing, if a newer run replaces the frames at this moment."""
    names = [files.names[position] for position in spread(len(files.names), MOST_SHOWN)]
    numbers = [name.removeprefix("frame_").removesuffix(".gif") for name in names]
    frames = folder.store.read_many([f"{folder.frames}/{name}" for name in names])
    try:
        sheet = base64.b64encode(contact_sheet(frames, numbers)).decode()
    except (FileNotFoundError, ImageError):
        return {}
    return {"contact sheet": MetadataValue.md(f"![some frames](data:image/jpeg;base64,{sheet})")}


def _digest(files: FrameFiles) -> str:
    return hashlib.sha256("".join(frame.sha256 for frame in files.frames).encode()).hexdigest()
