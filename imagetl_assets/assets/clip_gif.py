"""The last asset: all frames as one animation."""

import base64
import hashlib
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from typing import BinaryIO

from dagster import (
    AssetExecutionContext,
    Backoff,
    Config,
    Failure,
    FreshnessPolicy,
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
    UP_TO_DATE,
    for_each_file,
    joint_version,
)
from imagetl_assets.images import gif
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.preview import preview
from imagetl_assets.names import InvalidName, check_path
from imagetl_assets.partitions import partition_keys, upstream_files
from imagetl_assets.records import Clip, FrameFiles
from imagetl_assets.settings import fresh_days
from imagetl_assets.storage import FileChanged, ImageStorage
from imagetl_assets.storage.base import in_blocks
from imagetl_assets.storage.resource import PartitionFolder

# In Markdown, as base64, this becomes 150 kB.
_PREVIEW_BYTES = 112_000


class ClipConfig(Config):
    """How the clip is called and how it plays."""

    filename: str = Field(
        default="clip.gif", description="Name of the clip in the partition's folder."
    )
    frame_duration_ms: float = Field(
        default=100, ge=0, le=655_350, description="How long each frame is shown, in milliseconds."
    )
    loop: int = Field(
        default=0, ge=0, le=65_535, description="How often the clip is repeated; 0 is for ever."
    )


@asset(
    partitions_def=upstream_files,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"gif"},
    backfill_policy=BACKFILL_POLICY,
    automation_condition=UP_TO_DATE,
    freshness_policy=FreshnessPolicy.time_window(fail_window=timedelta(days=fresh_days())),
    retry_policy=RetryPolicy(max_retries=2, delay=1, backoff=Backoff.EXPONENTIAL),
    description="The animation of all frames. Their image data are copied, not encoded again.",
)
def clip_gif(
    context: AssetExecutionContext,
    config: ClipConfig,
    storage: ImageStorage,
    frame_files: dict[str, FrameFiles],
) -> Output[dict[str, Clip]]:
    """Assemble the frames, in order, into one GIF."""

    def make(key: str) -> Clip:
        started = time.monotonic()
        folder, files = storage.folder(key), frame_files[key]
        clip, picture = _clip_and_preview(folder, files, config)
        context.add_asset_metadata(
            {
                "preview": MetadataValue.md(picture),
                "stored at": MetadataValue.url(folder.uri(clip.path)),
                "bytes": clip.size,
                "frames": clip.frames,
                "size": f"{clip.width} x {clip.height}",
                "frame_duration_ms": config.frame_duration_ms,
                "seconds": round(time.monotonic() - started, 3),
            },
            partition_key=key,
        )
        return clip

    clips = for_each_file(partition_keys(context), make)
    return Output(clips, data_version=joint_version([clip.sha256 for clip in clips.values()]))


def _clip_and_preview(
    folder: PartitionFolder, files: FrameFiles, config: ClipConfig
) -> tuple[Clip, str]:
    _check_filename(config.filename, files)
    try:
        return _assemble(folder, files, config), _preview(folder, files, config)
    except ImageError as error:
        raise Failure(f"the frames do not make a clip: {error}", allow_retries=False) from None
    except FileChanged:
        raise Failure("the raw file was replaced while it was being read") from None
    except FileNotFoundError as error:
        raise Failure(
            f"a stored frame is missing ({error}): materialize frames again", allow_retries=False
        ) from None


def _check_filename(filename: str, files: FrameFiles) -> None:
    try:
        check_path(filename)
    except InvalidName as error:
        raise Failure(str(error), allow_retries=False) from None
    if filename == files.raw.path:
        raise Failure(
            f"filename {filename!r} is the raw file's: choose another", allow_retries=False
        )


def _assemble(folder: PartitionFolder, files: FrameFiles, config: ClipConfig) -> Clip:
    layouts = [frame.layout for frame in files.frames]
    with folder.store.create(folder.path(config.filename)) as out:
        hashing = _HashingWriter(out)
        info = gif.assemble(
            zip(layouts, _read_frames(folder, files), strict=True),
            hashing,
            screen=gif.screen_size(layouts),
            duration_ms=config.frame_duration_ms,
            loop=config.loop,
        )
    return Clip(
        path=config.filename,
        size=info.bytes,
        sha256=hashing.digest.hexdigest(),
        frames=info.frames,
        width=info.width,
        height=info.height,
    )


def _read_frames(
    folder: PartitionFolder, files: FrameFiles, positions: Sequence[int] | None = None
) -> Iterator[bytes]:
    """Yield the frames at these positions, in order; all of them by default.

    Bytes that are in the raw file too are read there: one stream instead of a file per frame.
    """
    frames, raw = files.frames, files.raw
    state = folder.store.state(folder.path(raw.path))
    raw_is_there = state is not None and state.version == raw.version
    wanted = range(len(frames)) if positions is None else positions
    for from_raw, group in groupby(wanted, lambda i: raw_is_there and frames[i].offset is not None):
        if from_raw:
            spans = [(frames[i].offset or 0, frames[i].size) for i in group]
            yield from folder.store.read_spans(folder.path(raw.path), spans, raw.version)
        else:
            for block in in_blocks(group, lambda i: frames[i].size):
                yield from folder.store.read_many(
                    [f"{folder.frames}/{files.names[i]}" for i in block]
                )


class _HashingWriter:
    """Passes on what is written and hashes it."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.digest = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        self.digest.update(data)
        self._out.write(data)


def _preview(folder: PartitionFolder, files: FrameFiles, config: ClipConfig) -> str:
    """Return Markdown that shows a small animation of the clip."""
    frames = files.frames
    picture = preview(
        lambda i: next(_read_frames(folder, files, [i])),
        len(frames),
        duration_ms=config.frame_duration_ms,
        max_bytes=_PREVIEW_BYTES,
    )
    return f"![clip](data:image/gif;base64,{base64.b64encode(picture).decode()})"
