"""The last asset: all frames as one animation."""

import base64
import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
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
from imagetl_assets.assets.parts import Part, read_parts, whole_frames, with_differences
from imagetl_assets.images import gif
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.preview import preview
from imagetl_assets.names import InvalidName, check_path
from imagetl_assets.partitions import partition_keys, upstream_files
from imagetl_assets.records import Clip, FrameFiles
from imagetl_assets.settings import fresh_days
from imagetl_assets.storage import FileChanged, ImageStorage
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
    every: int = Field(default=1, ge=1, description="Take every n-th frame only.")
    fps: float | None = Field(
        default=None, gt=0, description="Frames a second, instead of frame_duration_ms."
    )

    @property
    def duration_ms(self) -> float:
        """How long each frame is shown, in milliseconds."""
        return self.frame_duration_ms if self.fps is None else gif.frame_duration(self.fps)


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
                "frame_duration_ms": config.duration_ms,
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
    whole = whole_frames(folder, files, config.every)
    try:
        with ThreadPoolExecutor(1) as pool:
            picture = pool.submit(_preview, folder, files, whole, config)
            clip = _assemble(folder, files, whole, config)
            return clip, picture.result()
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


def _assemble(
    folder: PartitionFolder, files: FrameFiles, whole: Sequence[Part], config: ClipConfig
) -> Clip:
    parts, screen = with_differences(folder, files, whole)
    layouts = [part.layout for part in parts]
    with folder.store.create(folder.path(config.filename)) as out:
        hashing = _HashingWriter(out)
        info = gif.assemble(
            zip(layouts, read_parts(folder, files.raw, parts), strict=True),
            hashing,
            screen=screen,
            duration_ms=config.duration_ms,
            loop=config.loop,
        )
    return Clip(
        path=config.filename,
        size=info.bytes,
        sha256=hashing.digest.hexdigest(),
        frames=info.frames,
        width=info.width,
        height=info.height,
        every=config.every,
    )


class _HashingWriter:
    """Passes on what is written and hashes it."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.digest = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        self.digest.update(data)
        self._out.write(data)


def _preview(
    folder: PartitionFolder, files: FrameFiles, whole: Sequence[Part], config: ClipConfig
) -> str:
    """Return Markdown that shows a small animation of the clip."""
    picture = preview(
        lambda i: next(read_parts(folder, files.raw, [whole[i]])),
        len(whole),
        duration_ms=config.duration_ms,
        max_bytes=_PREVIEW_BYTES,
    )
    return f"![clip](data:image/gif;base64,{base64.b64encode(picture).decode()})"
