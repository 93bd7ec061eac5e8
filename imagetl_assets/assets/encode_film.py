"""The mapped step of a film: encode segments, each into a file of the claim."""

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from dagster import In, Nothing, OpDefinition, OpExecutionContext, Out, op

from imagetl_assets.assets.clip_config import ShownConfig
from imagetl_assets.assets.common import SHORT_RETRIES
from imagetl_assets.assets.each_file import remaining_keys, try_each_file
from imagetl_assets.assets.failures import overtaken, overtaken_as_failure
from imagetl_assets.assets.film_clip import image_errors_as_failures
from imagetl_assets.assets.film_segments import (
    FilmSource,
    Segment,
    film_sources,
    segments_of_step,
)
from imagetl_assets.assets.original_film import OriginalFilm
from imagetl_assets.images.outputs.film import FilmFormat, Segments
from imagetl_assets.records import FrameFiles, FrameIndex
from imagetl_assets.storage import ImageStorage
from imagetl_assets.storage.base import WriteConflict
from imagetl_assets.storage.claims import Claim, Overtaken


def encode_film(format: FilmFormat, config_type: type[Any]) -> OpDefinition:
    """Return the op."""

    @op(
        name=f"encode_{format.name}",
        ins={"segment": In(Nothing)},
        out=Out(Nothing),
        retry_policy=SHORT_RETRIES,
        description="Encodes segments of the film.",
    )
    def encode(
        context: OpExecutionContext,
        config: config_type,  # type: ignore[valid-type]
        storage: ImageStorage,
        frames: dict[str, FrameIndex],
        frame_files: dict[str, FrameFiles],
    ) -> None:
        mapping_key = context.get_mapping_key()
        assert mapping_key is not None  # this op is only used mapped
        parts = segments_of_step(film_sources(frames, frame_files), config, mapping_key)
        if not parts:
            raise overtaken()  # the records are those of another run

        def encode_file(key: str) -> int:
            folder, source = storage.folder(key), FilmSource(frames[key], frame_files[key])
            assert format.segments is not None
            with overtaken_as_failure():
                if not source.is_of_one_run:  # it was when the film was planned
                    raise Overtaken
                claim = Claim.held(folder, format.asset_name, storage.turn())
                return _encode(format.segments, source, claim, config, parts[key])

        remaining = set(remaining_keys(context, format.asset_name))
        keys = [key for key in parts if key in remaining]
        # In a run over several files, those that fail are left out by the step that joins.
        sizes = try_each_file(context, format.asset_name, keys, encode_file, SHORT_RETRIES)
        segments = sum(len(parts[key]) for key in sizes)
        context.add_output_metadata({"segments": segments, "bytes": sum(sizes.values())})

    return encode


def segment_path(claim: Claim, source: FilmSource, config: ShownConfig, segment: Segment) -> str:
    """Return where a segment is stored.

    Its name tells what it was made from, so that a film is never joined of segments that belong to
    different sets of frames, or were asked for differently.
    """
    made_of = msgspec.json.encode([source.index.claim, config.model_dump(mode="json")])
    digest = hashlib.sha256(made_of).hexdigest()[:16]
    return f"{claim.path}/segment_{segment.number:02d}.{digest}.mp4"


def _encode(
    format: Segments,
    source: FilmSource,
    claim: Claim,
    config: Any,
    segments: Sequence[Segment],
) -> int:
    """Encode segments and store them; return how many bytes they have. Raises Overtaken."""
    film = OriginalFilm(source, claim.folder, config)
    total = 0
    for segment in segments:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "segment.mp4")
            with image_errors_as_failures():
                # The other cores have segments of their own.
                format.encode(film.part(segment.frames), str(file), config.options(), threads=1)
            path = segment_path(claim, source, config, segment)
            try:
                with (
                    file.open("rb") as made,
                    claim.folder.store.create(path, make_folder=False) as out,
                ):
                    shutil.copyfileobj(made, out, 1 << 20)
            except WriteConflict:
                raise Overtaken from None
            total += file.stat().st_size
    return total
