"""Asset checks: look at what is stored, without relying on the code that has stored it."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetIn,
    AssetKey,
    AssetRecordsFilter,
    DagsterInstance,
    MetadataValue,
    asset_check,
)

from imagetl_assets.images import gif
from imagetl_assets.partitions import upstream_files
from imagetl_assets.records import Clip, FrameFiles, FrameIndex, RawFile
from imagetl_assets.storage import ImageStorage
from imagetl_assets.storage.base import in_blocks
from imagetl_assets.storage.partition_folder import PartitionFolder

_MAX_PROBLEMS = 20


@asset_check(
    asset="raw_data_file",
    partitions_def=upstream_files,
    description="The upstream file did not shrink by more than half since the last time.",
)
def upstream_file_did_not_shrink(
    context: AssetCheckExecutionContext, raw_data_file: dict[str, RawFile]
) -> AssetCheckResult:
    """Warn of upstream files that have lost more than half of their bytes."""

    def problems() -> Iterator[str]:
        for key, raw in raw_data_file.items():
            before = _size_before(context.instance, key, context.run.run_id)
            if before is not None and raw.size * 2 < before:
                yield f"{key}: {before:,} bytes became {raw.size:,}"

    return _result(problems(), AssetCheckSeverity.WARN)


@asset_check(
    asset="frame_files",
    partitions_def=upstream_files,
    description="No frame was left out because it is damaged.",
)
def no_frame_is_damaged(frame_files: dict[str, FrameFiles]) -> AssetCheckResult:
    """Warn of damaged frames that were skipped."""
    damaged = sum(len(files.damaged) for files in frame_files.values())
    problems = (
        f"{key}: frame {piece.number} at byte {piece.offset:,}: {piece.named_problem}"
        for key, files in frame_files.items()
        for piece in files.damaged
    )
    result = _result(problems, AssetCheckSeverity.WARN)
    return result.with_metadata({**result.metadata, "damaged frames": damaged})


@asset_check(
    asset="frame_files",
    partitions_def=upstream_files,
    additional_ins={"frames": AssetIn("frames")},
    blocking=True,
    description="Every indexed frame is stored with its recorded sha256.",
)
def every_frame_is_stored(
    storage: ImageStorage, frame_files: dict[str, FrameFiles], frames: dict[str, FrameIndex]
) -> AssetCheckResult:
    """Fail, and let no clip be made, if a frame is missing or has other bytes."""

    def problems() -> Iterator[str]:
        for key, files in frame_files.items():
            if list(files.names) != frames[key].file_names(left_out=files.damaged):
                yield f"{key}: {len(frames[key].frames):,} frames are indexed"
            yield from (
                f"{key}: {problem}" for problem in _wrong_frames(storage.folder(key), files)
            )

    return _result(problems(), AssetCheckSeverity.ERROR)


@asset_check(
    asset="clip_gif",
    partitions_def=upstream_files,
    additional_ins={"frame_files": AssetIn("frame_files")},
    description="The clip decodes to as many frames as were indexed, in the right size.",
)
def clip_can_be_decoded(
    storage: ImageStorage, clip_gif: dict[str, Clip], frame_files: dict[str, FrameFiles]
) -> AssetCheckResult:
    """Decode all of the clip, as a viewer does."""

    def problems() -> Iterator[str]:
        for key, clip in clip_gif.items():
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
                yield f"{key}: {clip.path} cannot be decoded: {error}"
                continue
            if found != expected:
                yield f"{key}: (frames, width, height) are {found}, not {expected}"

    return _result(problems(), AssetCheckSeverity.ERROR)


# These read everything that is stored.
THOROUGH_CHECKS = [every_frame_is_stored, clip_can_be_decoded]

checks = [upstream_file_did_not_shrink, no_frame_is_damaged, *THOROUGH_CHECKS]


def _result(problems: Iterator[str], severity: AssetCheckSeverity) -> AssetCheckResult:
    first: Sequence[str] = list(islice(problems, _MAX_PROBLEMS))
    return AssetCheckResult(
        passed=not first,
        severity=severity,
        description="; ".join(first[:3]) or None,
        metadata={"problems": MetadataValue.json(first)} if first else {},
    )


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
