"""Clips in full colour, in each format of `images.outputs.FILMS`, made if they are asked for.

A format that can be encoded in segments has three steps: `plan_film` starts the mapped steps
`encode_film`, and `join_film` joins what they have encoded. Other formats have one step.
"""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, AssetsDefinition, Output, asset, config_mapping, graph

from imagetl_assets.assets.clip_config import ShownConfig
from imagetl_assets.assets.clip_file import make_clips
from imagetl_assets.assets.common import (
    BACKFILL_POLICY,
    GROUP,
    KIND_PREFIX,
    SHORT_RETRIES,
)
from imagetl_assets.assets.encode_film import encode_film
from imagetl_assets.assets.film_clip import encoded_film
from imagetl_assets.assets.film_config import FILM_CONFIGS
from imagetl_assets.assets.film_segments import FilmSource
from imagetl_assets.assets.join_film import join_film
from imagetl_assets.assets.plan_film import plan_film
from imagetl_assets.images.outputs import FILMS
from imagetl_assets.images.outputs.film import FilmFormat
from imagetl_assets.partitions import upstream_files
from imagetl_assets.records import Clip, FrameFiles, FrameIndex
from imagetl_assets.settings import wanted_films
from imagetl_assets.storage import ImageStorage
from imagetl_assets.storage.partition_folder import PartitionFolder


def film_asset(format: FilmFormat) -> AssetsDefinition:
    """Return the asset that makes clips in a format."""
    config_type = FILM_CONFIGS[format.asset_name]
    return _in_segments(format, config_type) if format.segments else _whole(format, config_type)


def _whole(format: FilmFormat, config_type: type[ShownConfig]) -> AssetsDefinition:
    """Return an asset with one step."""

    @asset(
        name=format.asset_name,
        partitions_def=upstream_files,
        group_name=GROUP,
        kinds={"file", format.name},
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
        def make(key: str, folder: PartitionFolder) -> tuple[Clip, dict[str, Any]]:
            source = FilmSource(frames[key], frame_files[key])
            return encoded_film(format, source, folder, config, storage.turn())

        yield from make_clips(context, format.asset_name, storage, make)

    return film


def _in_segments(format: FilmFormat, config_type: type[ShownConfig]) -> AssetsDefinition:
    """Return an asset with mapped steps. Users give its config without knowing the ops inside."""
    plan, encode, join = (make(format, config_type) for make in (plan_film, encode_film, join_film))

    @config_mapping(config_schema=config_type.to_config_schema().as_field())
    def config_of_each(values: dict[str, Any]) -> dict[str, Any]:
        return {op.name: {"config": values} for op in (plan, encode, join)}

    @graph(name=format.asset_name, config=config_of_each)
    def film(frames: dict[str, FrameIndex], frame_files: dict[str, FrameFiles]) -> Any:
        """Divide the film, encode each segment, join them."""
        segments = plan(frames=frames, frame_files=frame_files)
        encoded = segments.map(
            lambda segment: encode(segment=segment, frames=frames, frame_files=frame_files)
        )
        return join(encoded=encoded.collect(), frames=frames, frame_files=frame_files)

    return AssetsDefinition.from_graph(
        film,
        partitions_def=upstream_files,
        group_name=GROUP,
        descriptions_by_output_name={"result": format.description},
        backfill_policy=BACKFILL_POLICY,
        tags_by_output_name={
            "result": {f"{KIND_PREFIX}{format.name}": "", f"{KIND_PREFIX}dask": ""}
        },
    )


def offered_films() -> list[FilmFormat]:
    """Return the formats that there are assets for.

    One that cannot be made here is not offered, or else "Materialize all" would fail. But if it was
    asked for by name, its step says what has to be installed.
    """
    wanted = wanted_films()
    return [
        film for film in FILMS if film.name in wanted or (film.can_be_made and film.always_offered)
    ]


films = [film_asset(film) for film in offered_films()]
