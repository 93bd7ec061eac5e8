"""Clips in full colour, in each format of `images.outputs.FILMS`, made if they are asked for."""

import base64
import io
from collections.abc import Iterator
from typing import Any, ClassVar

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    Failure,
    MetadataValue,
    Output,
    asset,
)
from pydantic import Field

from imagetl_assets.assets.clip_config import ONCE, ShownConfig
from imagetl_assets.assets.clip_file import HashingWriter, check_filename, make_clips
from imagetl_assets.assets.common import (
    BACKFILL_POLICY,
    GROUP,
    SHORT_RETRIES,
)
from imagetl_assets.assets.original_film import original_film
from imagetl_assets.assets.places import stored_and_linked
from imagetl_assets.images.edit import EditError
from imagetl_assets.images.errors import ImageError, ResizeError
from imagetl_assets.images.outputs import FILMS
from imagetl_assets.images.outputs.film import Film, FilmFormat, Shown
from imagetl_assets.images.outputs.mp4 import MP4
from imagetl_assets.images.outputs.webm import WEBM
from imagetl_assets.images.outputs.webp import WEBP
from imagetl_assets.partitions import upstream_files
from imagetl_assets.records import Clip, FrameFiles, FrameIndex
from imagetl_assets.settings import wanted_films
from imagetl_assets.storage import ImageStorage
from imagetl_assets.storage.claims import Claim
from imagetl_assets.storage.partition_folder import PartitionFolder

_POSTER_SIDE = 320  # pixels


class WebpConfig(ShownConfig):
    """How the WebP is called, how it plays, and how good it is."""

    extension: ClassVar[str] = "webp"
    shortest_ms: ClassVar[float] = 11

    filename: str = Field(default="clip.webp", description="Its name in the partition folder.")
    quality: float = Field(default=80, ge=0, le=100, description="The higher, the larger it is.")
    lossless: bool = Field(default=False, description="Keep all pixels as they are.")
    loop: int = Field(
        default=0,
        ge=ONCE,
        le=65_534,
        description="How often it is repeated; 0 is for ever, -1 not at all: it plays once.",
    )

    def options(self) -> dict[str, Any]:
        """Return the options of `images.outputs.webp.write`."""
        loop = None if self.loop == ONCE else self.loop
        return {"quality": self.quality, "lossless": self.lossless, "loop": loop}


class VideoConfig(ShownConfig):
    """What can be said of each video; `crf` is added by its codec."""

    shortest_ms: ClassVar[float] = 1

    crf: float

    def options(self) -> dict[str, Any]:
        """Return the options of `images.outputs.video_encoding.write`."""
        return {"crf": self.crf}


class Mp4Config(VideoConfig):
    """How the MP4 is called, how it plays, and how good it is."""

    extension: ClassVar[str] = "mp4"

    filename: str = Field(default="clip.mp4", description="Its name in the partition folder.")
    crf: float = Field(
        default=20,
        ge=0,
        le=51,
        description="Quality of x264: 0 is lossless, 18 to 28 are usual; the lower, the larger.",
    )


class WebmConfig(VideoConfig):
    """How the WebM is called, how it plays, and how good it is."""

    extension: ClassVar[str] = "webm"

    filename: str = Field(default="clip.webm", description="Its name in the partition folder.")
    crf: float = Field(
        default=31,
        ge=0,
        le=63,
        description="Quality of VP9: 15 to 35 are usual; the lower, the larger.",
    )


def film_asset(format: FilmFormat, config_type: type[Any]) -> AssetsDefinition:
    """Return the asset that makes clips in a format, with its config."""

    @asset(
        name=format.asset_name,
        partitions_def=upstream_files,
        group_name=GROUP,
        kinds={format.name},
        backfill_policy=BACKFILL_POLICY,
        retry_policy=SHORT_RETRIES,
        description=format.description,
    )
    def film(
        context: AssetExecutionContext,
        config: config_type,  # type: ignore[valid-type]
        storage: ImageStorage,
        frames: dict[str, FrameIndex],
        frame_files: dict[str, FrameFiles],
    ) -> Iterator[Output[dict[str, Clip]]]:
        def make(key: str, claim: Claim) -> tuple[Clip, dict[str, Any]]:
            film = _film(claim.folder, frames[key], frame_files[key], config)
            made, poster = _make(format, config, claim, film)
            return made, {
                "preview": MetadataValue.md(poster),
                **stored_and_linked(claim.folder, made.path),
                "bytes": made.size,
                "frames": made.frames,
                "size": f"{made.width} x {made.height}",
            }

        yield from make_clips(context, format.asset_name, storage, make)

    return film


def _film(folder: PartitionFolder, index: FrameIndex, files: FrameFiles, config: Any) -> Film:
    check_filename(config.filename, files)
    return original_film(folder, index, files, config)


def _make(format: FilmFormat, config: Any, claim: Claim, film: Film) -> tuple[Clip, str]:
    """Store the clip and its record; return that, and Markdown that shows its first picture."""
    posters: list[str] = []

    def pictures() -> Iterator[Shown]:
        for shown in film.pictures:
            if not posters:
                posters.append(_poster(shown))
            yield shown

    try:
        with claim.create(config.filename) as out:
            writer = HashingWriter(out)
            watched = Film(film.width, film.height, film.count, pictures())
            format.write(watched, writer, config.options())
    except (ImageError, EditError, ResizeError) as error:
        raise Failure(f"the frames do not make a clip: {error}", allow_retries=False) from None
    clip = Clip(
        path=config.filename,
        size=writer.size,
        sha256=writer.digest.hexdigest(),
        frames=film.count,
        width=film.width,
        height=film.height,
        every=config.every,
        claim=claim.name,
    )
    claim.save(clip)
    return clip, posters[0]


def _poster(shown: Shown) -> str:
    small = shown.picture.convert("RGB")
    small.thumbnail((_POSTER_SIDE, _POSTER_SIDE))
    out = io.BytesIO()
    small.save(out, "JPEG")
    return f"![first frame](data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()})"


FILM_CONFIGS: dict[str, type[ShownConfig]] = {
    WEBP.asset_name: WebpConfig,
    MP4.asset_name: Mp4Config,
    WEBM.asset_name: WebmConfig,
}


def offered_films() -> list[FilmFormat]:
    """Return the formats that there are assets for.

    One that cannot be made here is not offered, or else "Materialize all" would fail. But if it was
    asked for by name, its step says what has to be installed.
    """
    wanted = wanted_films()
    return [
        film for film in FILMS if film.name in wanted or (film.can_be_made and film.always_offered)
    ]


films = [film_asset(film, FILM_CONFIGS[film.asset_name]) for film in offered_films()]
