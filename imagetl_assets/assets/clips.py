"""The last assets: all frames as one animation, in each output format (see `images.outputs`)."""

import base64
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, ClassVar

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    Failure,
    FreshnessPolicy,
    MetadataValue,
    Output,
    asset,
)
from pydantic import Field

from imagetl_assets.assets.clip_config import ClipConfig
from imagetl_assets.assets.clip_file import HashingWriter, check_filename, make_clips
from imagetl_assets.assets.clip_parts import (
    Part,
    as_they_are,
    read_parts,
    screen_of,
    whole_frames,
    with_differences,
)
from imagetl_assets.assets.common import (
    BACKFILL_POLICY,
    GROUP,
    SHORT_RETRIES,
)
from imagetl_assets.assets.places import stored_and_linked
from imagetl_assets.assets.up_to_date import UP_TO_DATE
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.outputs import OUTPUTS
from imagetl_assets.images.outputs.output_format import OutputFormat
from imagetl_assets.images.preview import preview
from imagetl_assets.partitions import upstream_files
from imagetl_assets.records import Clip, FrameFiles, decoded
from imagetl_assets.settings import fresh_days
from imagetl_assets.storage import FileChanged, ImageStorage
from imagetl_assets.storage.claims import Claim, Overtaken, claimed
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.storage.publishing import FILES

# In Markdown, as base64, this becomes 150 kB.
_PREVIEW_BYTES = 112_000


def clip_config(format: OutputFormat) -> type[ClipConfig]:
    """Return the config of the asset that makes clips in an output format."""

    class FormatConfig(ClipConfig):
        extension: ClassVar[str] = format.name
        filename: str = Field(
            default=f"clip.{format.name}",
            description=ClipConfig.model_fields["filename"].description,
        )

    return FormatConfig


CLIP_CONFIGS = {format.asset_name: clip_config(format) for format in OUTPUTS}


def clip_asset(format: OutputFormat) -> AssetsDefinition:
    """Return the asset that makes clips in an output format."""
    FormatConfig = CLIP_CONFIGS[format.asset_name]

    @asset(
        name=format.asset_name,
        partitions_def=upstream_files,
        group_name=GROUP,
        kinds={"file", format.name},
        backfill_policy=BACKFILL_POLICY,
        automation_condition=UP_TO_DATE,
        freshness_policy=FreshnessPolicy.time_window(fail_window=timedelta(days=fresh_days())),
        retry_policy=SHORT_RETRIES,
        description=format.description,
    )
    def clip(
        context: AssetExecutionContext,
        config: FormatConfig,  # type: ignore[valid-type]
        storage: ImageStorage,
        frame_files: dict[str, FrameFiles],
    ) -> Iterator[Output[dict[str, Clip]]]:
        def make(key: str, folder: PartitionFolder) -> tuple[Clip, dict[str, Any]]:
            with claimed(folder, format.asset_name, storage.turn()) as claim:
                plan = _Plan(format, config, claim, frame_files[key])
                made, shown_ms, picture = _clip_and_preview(plan)
            if too_short := plan.config.too_short(plan.whole):
                context.log.warning(
                    f"{key}: {too_short:,} images are shown for longer than the bundle says, as "
                    "browsers would show them for 100 ms"
                )
            return made, _metadata(plan, made, shown_ms, picture)

        yield from make_clips(context, format.asset_name, storage, make)

    return clip


@dataclass(frozen=True)
class _Plan:
    """A clip that is to be made of the frame files of a partition."""

    format: OutputFormat
    config: ClipConfig
    claim: Claim
    files: FrameFiles

    @property
    def folder(self) -> PartitionFolder:
        """The partition folder."""
        return self.claim.folder

    @cached_property
    def whole(self) -> Sequence[Part]:
        """The frames that the clip shows."""
        return whole_frames(self.folder, self.files, self.config.every)

    @property
    def durations(self) -> float | list[float]:
        """How long each of their images is shown, in milliseconds; or one number for all."""
        return self.config.durations(self.whole)

    @property
    def duration(self) -> float:
        """How long they are shown on average, in milliseconds."""
        durations = self.durations
        return sum(durations) / len(durations) if isinstance(durations, list) else durations


def _metadata(plan: _Plan, clip: Clip, shown_ms: int, picture: str) -> dict[str, Any]:
    return {
        "preview": MetadataValue.md(picture),
        **stored_and_linked(plan.folder, clip.path),
        "bytes": clip.size,
        "frames": clip.frames,
        "width in pixels": clip.width,
        "height in pixels": clip.height,
        "length in seconds": round(shown_ms / 1000, 3),
        "frame_duration_ms": round(shown_ms / clip.frames, 3),
        "frames per second": round(1000 * clip.frames / shown_ms, 3),
    }


def _clip_and_preview(plan: _Plan) -> tuple[Clip, int, str]:
    """Make the clip, and at the same time Markdown that shows a small animation of it.

    Returns:
        The clip, how long it is in milliseconds, and the Markdown.
    """
    check_filename(plan.config.filename, plan.files)
    try:
        with ThreadPoolExecutor(1) as pool:
            picture = pool.submit(_preview, plan)
            return *_assemble(plan), picture.result()
    except ImageError as error:
        raise Failure(f"the frames do not make a clip: {error}", allow_retries=False) from None
    except FileChanged:
        raise Failure("the raw file was replaced while it was being read") from None
    except FileNotFoundError as error:
        raise Failure(
            f"a stored frame is missing ({error}): materialize frames again", allow_retries=False
        ) from None


def _assemble(plan: _Plan) -> tuple[Clip, int]:
    """Make the clip; return it, and how long it is in milliseconds."""
    folder, files, config, whole = plan.folder, plan.files, plan.config, plan.whole
    if plan.format.takes_differences:
        frames, screen = with_differences(folder, files, whole)
    else:
        frames, screen = as_they_are(folder, files, whole), screen_of(whole)
    with plan.claim.create(config.filename) as out:
        hashing = HashingWriter(out)
        info = plan.format.write(
            frames,
            hashing,
            screen=screen,
            duration_ms=plan.durations,
            loop=config.repetitions,
        )
        if decoded(FrameFiles, folder.read_record(FILES)) != files:
            raise Overtaken  # so what was read may be a mixture
    clip = Clip(
        path=config.filename,
        size=info.bytes,
        sha256=hashing.digest.hexdigest(),
        frames=info.frames,
        width=info.width,
        height=info.height,
        every=config.every,
        claim=plan.claim.name,
    )
    plan.claim.save(clip)
    return clip, info.duration_ms


def _preview(plan: _Plan) -> str:
    """Return Markdown that shows a small animation of the clip."""
    picture = preview(
        lambda i: next(read_parts(plan.folder, plan.files.raw, [plan.whole[i]])),
        len(plan.whole),
        duration_ms=plan.duration,
        max_bytes=_PREVIEW_BYTES,
    )
    return f"![clip](data:image/webp;base64,{base64.b64encode(picture).decode()})"


clips = [clip_asset(format) for format in OUTPUTS]
