"""The last step of a film: join its segments, which are copied and not encoded again."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from dagster import AssetExecutionContext, In, Nothing, OpDefinition, Out, Output, op

from imagetl_assets.assets.clip_file import make_clips
from imagetl_assets.assets.common import SHORT_RETRIES
from imagetl_assets.assets.encode_film import segment_path
from imagetl_assets.assets.failures import overtaken_as_failure
from imagetl_assets.assets.film_clip import encoded_film, film_metadata, store_film
from imagetl_assets.assets.film_segments import (
    FilmSource,
    film_sources,
    mapping_keys,
    segments_of,
)
from imagetl_assets.assets.original_film import OriginalFilm
from imagetl_assets.images.gif import Writable
from imagetl_assets.images.outputs.film import FilmFormat
from imagetl_assets.records import Clip, FrameFiles, FrameIndex, decoded
from imagetl_assets.storage import ImageStorage
from imagetl_assets.storage.claims import Claim, Overtaken, turn_of_claim
from imagetl_assets.storage.partition_folder import PartitionFolder


def join_film(format: FilmFormat, config_type: type[Any]) -> OpDefinition:
    """Return the op. If there were no mapped steps, it encodes the film itself."""

    @op(
        name=f"join_{format.name}",
        ins={"encoded": In(Nothing)},
        out=Out(dict[str, Clip]),
        retry_policy=SHORT_RETRIES,
        description="Joins the segments of the film.",
    )
    def join(
        context: AssetExecutionContext,
        config: config_type,  # type: ignore[valid-type]
        storage: ImageStorage,
        frames: dict[str, FrameIndex],
        frame_files: dict[str, FrameFiles],
    ) -> Iterator[Output[dict[str, Clip]]]:
        mapped = bool(mapping_keys(film_sources(frames, frame_files), config))

        def make(key: str, folder: PartitionFolder) -> tuple[Clip, dict[str, Any]]:
            source = FilmSource(frames[key], frame_files[key])
            if not mapped:
                return encoded_film(format, source, folder, config, storage.turn())
            with overtaken_as_failure():
                clip = _joined(format, source, folder, config, storage.turn())
            segments = len(segments_of(source, config))
            metadata = film_metadata(clip, OriginalFilm(source, folder, config))
            return clip, {**metadata, "segments": segments}

        yield from make_clips(context, format.asset_name, storage, make, made_of=format.asset_name)

    return join


def _joined(
    format: FilmFormat, source: FilmSource, folder: PartitionFolder, config: Any, turn: str
) -> Clip:
    """Join the segments that the mapped steps have stored."""
    join = format.segments
    assert join is not None
    try:
        if not source.is_of_one_run:  # it was when the film was planned
            raise Overtaken
        claim = Claim.held(folder, format.asset_name, turn)
        film = OriginalFilm(source, folder, config)
        paths = [
            segment_path(claim, source, config, segment) for segment in segments_of(source, config)
        ]

        def write(out: Writable) -> None:
            join.join(_opened(folder, paths), join.times(film.durations), out)

        clip = store_film(claim, film, config, write)
    except FileNotFoundError:  # the segments are gone, or those of other frames
        raise Overtaken from None
    except Overtaken as overtaken:
        if overtaken.by is None and (done := _done_before(format, folder, turn)):
            return done
        raise
    folder.store.delete_folder(claim.path)
    return clip


def _opened(folder: PartitionFolder, paths: Sequence[str]) -> Iterator[BinaryIO]:
    for path in paths:
        with folder.store.open(path) as file:
            yield file


def _done_before(format: FilmFormat, folder: PartitionFolder, turn: str) -> Clip | None:
    """Return the clip, if an attempt of this step was lost after it had stored the clip."""
    clip = decoded(Clip, folder.read_record(format.asset_name))
    return clip if clip and turn_of_claim(clip.claim) == turn else None
