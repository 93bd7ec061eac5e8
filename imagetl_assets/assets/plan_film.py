"""The first step of a film: claim the clips, and start the mapped steps."""

from collections.abc import Iterator
from typing import Any

from dagster import AssetExecutionContext, DynamicOut, DynamicOutput, Nothing, OpDefinition, op

from imagetl_assets.assets.common import SHORT_RETRIES
from imagetl_assets.assets.each_file import for_each_file, remaining_keys
from imagetl_assets.assets.failures import overtaken_as_failure
from imagetl_assets.assets.film_clip import check_film
from imagetl_assets.assets.film_segments import FilmSource, film_sources, mapping_keys
from imagetl_assets.images.outputs.film import FilmFormat
from imagetl_assets.records import FrameFiles, FrameIndex
from imagetl_assets.storage import ImageStorage
from imagetl_assets.storage.claims import Claim


def plan_film(format: FilmFormat, config_type: type[Any]) -> OpDefinition:
    """Return the op. If there is work for a single step only, it leaves that to the last one."""

    @op(
        name=f"plan_{format.name}",
        out=DynamicOut(Nothing),
        retry_policy=SHORT_RETRIES,
        description="Divides the film into segments.",
    )
    def plan(
        context: AssetExecutionContext,
        config: config_type,  # type: ignore[valid-type]
        storage: ImageStorage,
        frames: dict[str, FrameIndex],
        frame_files: dict[str, FrameFiles],
    ) -> Iterator[DynamicOutput[None]]:
        def claim(key: str) -> None:
            folder, source = storage.folder(key), FilmSource(frames[key], frame_files[key])
            check_film(source, folder, config)
            with overtaken_as_failure(may_pass=True):
                Claim.take(folder, format.asset_name, storage.turn())

        steps = mapping_keys(film_sources(frames, frame_files), config)
        if steps:
            keys = remaining_keys(context, "frame_files")
            for_each_file(context, format.asset_name, keys, claim, SHORT_RETRIES)
        for step in steps:
            yield DynamicOutput(None, mapping_key=step)

    return plan
