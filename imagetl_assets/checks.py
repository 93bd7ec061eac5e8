"""Asset checks: look at what is stored, without relying on the code that has stored it."""

import hashlib
from collections.abc import Iterator

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetKey,
    AssetRecordsFilter,
    DagsterInstance,
    asset_check,
)

from imagetl_assets.assets.damage import described
from imagetl_assets.check_results import evaluate
from imagetl_assets.images import gif
from imagetl_assets.partitions import upstream_files
from imagetl_assets.records import Clip, FrameFiles
from imagetl_assets.storage import ImageStorage
from imagetl_assets.storage.base import in_blocks
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.stored_records import Records, load_records


@asset_check(
    asset="raw_data_file",
    partitions_def=upstream_files,
    description="The upstream file did not shrink by more than half since the last time.",
)
def upstream_file_did_not_shrink(
    context: AssetCheckExecutionContext, storage: ImageStorage
) -> AssetCheckResult:
    """Warn of upstream files that have lost more than half of their bytes."""
    raw_files = _records(context, storage, "raw_data_file")

    def problems(key: str) -> Iterator[str]:
        size = raw_files[key].size
        before = _size_before(context.instance, key, context.run.run_id)
        if before is not None and size * 2 < before:
            yield f"{before:,} bytes became {size:,}"

    return evaluate(context, raw_files, problems, AssetCheckSeverity.WARN)


@asset_check(
    asset="frame_files",
    partitions_def=upstream_files,
    description="No frame was left out because it is damaged.",
)
def no_frame_is_damaged(
    context: AssetCheckExecutionContext, storage: ImageStorage
) -> AssetCheckResult:
    """Warn of damaged frames that were skipped."""
    frame_files = _records(context, storage, "frame_files")

    def problems(key: str) -> Iterator[str]:
        return (described(frame) for frame in frame_files[key].damaged)

    return evaluate(context, frame_files, problems, AssetCheckSeverity.WARN)


@asset_check(
    asset="frame_files",
    partitions_def=upstream_files,
    additional_deps=["frames"],
    blocking=True,
    description="Each frame file is there, and its sha256 is the recorded one.",
)
def every_frame_is_stored(
    context: AssetCheckExecutionContext, storage: ImageStorage
) -> AssetCheckResult:
    """Fail, and let no clip be made, if a frame is missing or has other bytes."""
    frame_files = _records(context, storage, "frame_files")
    frames = _records(context, storage, "frames")

    def problems(key: str) -> Iterator[str]:
        files: FrameFiles = frame_files[key]
        if list(files.names) != frames[key].file_names(left_out=files.damaged):
            yield f"{len(frames[key].frames):,} frames are indexed"
        yield from _wrong_frames(storage.folder(key), files)

    return evaluate(context, frame_files, problems, AssetCheckSeverity.ERROR)


@asset_check(
    asset="clip_gif",
    partitions_def=upstream_files,
    additional_deps=["frame_files"],
    description="The clip can be decoded. It has all frames, and the right size.",
)
def clip_can_be_decoded(
    context: AssetCheckExecutionContext, storage: ImageStorage
) -> AssetCheckResult:
    """Decode all of the clip, as a viewer does."""
    clips = _records(context, storage, "clip_gif")
    frame_files = _records(context, storage, "frame_files")

    def problems(key: str) -> Iterator[str]:
        clip: Clip = clips[key]
        layouts = [frame.layout for frame in frame_files[key].frames]
        images = [i for layout in gif.every_nth(layouts, clip.every) for i in layout.images]
        expected = (
            len(images),
            max(image.corner[0] for image in images),
            max(image.corner[1] for image in images),
        )
        try:
            found = _decode(storage.folder(key), clip)
        except (OSError, SyntaxError, ValueError) as error:  # Pillow's, and a missing file
            yield f"{clip.path} cannot be decoded: {error}"
        else:
            if found != expected:
                yield f"(frames, width, height) are {found}, not {expected}"

    return evaluate(context, clips, problems, AssetCheckSeverity.ERROR)


# These read everything that is stored.
THOROUGH_CHECKS = [every_frame_is_stored, clip_can_be_decoded]

checks = [upstream_file_did_not_shrink, no_frame_is_damaged, *THOROUGH_CHECKS]


def _records(context: AssetCheckExecutionContext, storage: ImageStorage, asset: str) -> Records:
    """Return records. As inputs, Dagster would not load them in a run without a partition."""
    return load_records(storage, context.op_execution_context, asset)


def _size_before(instance: DagsterInstance, key: str, run_id: str) -> int | None:
    """Return the bytes of the last download by another run, or None."""
    records = instance.fetch_materializations(
        AssetRecordsFilter(AssetKey("raw_data_file"), asset_partitions=[key]), limit=2
    ).records
    for record in records:
        event = record.asset_materialization
        if event and record.run_id != run_id and "bytes" in event.metadata:
            return int(str(event.metadata["bytes"].value))
    return None


def _wrong_frames(folder: PartitionFolder, files: FrameFiles) -> Iterator[str]:
    positions = range(len(files.frames))
    for block in in_blocks(positions, lambda i: files.frames[i].size):
        try:
            contents = folder.store.read_many([f"{folder.frames}/{files.names[i]}" for i in block])
            for i, data in zip(block, contents, strict=True):
                if hashlib.sha256(data).hexdigest() != files.frames[i].sha256:
                    yield f"{files.names[i]} has other bytes than were stored"
        except FileNotFoundError:
            yield f"a frame from {files.names[block[0]]} to {files.names[block[-1]]} is missing"


def _decode(folder: PartitionFolder, clip: Clip) -> tuple[int, int, int]:
    """Return number of frames, width and height of a clip, all of which can be decoded."""
    from PIL import Image, ImageSequence

    with folder.store.open(folder.path(clip.path)) as file, Image.open(file) as image:
        frames = sum(1 for frame in ImageSequence.Iterator(image) if frame.load() is not None)
        return frames, image.width, image.height
