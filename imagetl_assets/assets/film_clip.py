"""What all clips in full colour have in common: how they are written, and what is told of them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dagster import Failure, MetadataValue

from imagetl_assets.assets.clip_file import HashingWriter, check_filename
from imagetl_assets.assets.film_segments import FilmSource
from imagetl_assets.assets.original_film import OriginalFilm
from imagetl_assets.assets.places import stored_and_linked
from imagetl_assets.images.edit import EditError
from imagetl_assets.images.errors import ImageError, ResizeError
from imagetl_assets.images.gif import Writable
from imagetl_assets.images.outputs.film import FilmFormat
from imagetl_assets.records import Clip
from imagetl_assets.storage.claims import Claim, claimed
from imagetl_assets.storage.partition_folder import PartitionFolder

_POSTER_SIDE = 320  # pixels


@contextmanager
def image_errors_as_failures() -> Iterator[None]:
    """Turn what is wrong with the pictures of a film into the failure of a step."""
    try:
        yield
    except (ImageError, EditError, ResizeError) as error:
        raise Failure(f"the frames do not make a clip: {error}", allow_retries=False) from None


def store_film(
    claim: Claim, film: OriginalFilm, config: Any, write: Callable[[Writable], None]
) -> Clip:
    """Store a clip and its record; return that.

    Args:
        claim: of the clip.
        film: which it shows.
        config: of the clip.
        write: writes it to a file.

    Raises:
        Overtaken: somebody has taken over. Nothing is changed.
        Failure: it cannot be made of these pictures.
    """
    with image_errors_as_failures(), claim.create(config.filename) as out:
        writer = HashingWriter(out)
        write(writer)
    clip = Clip(
        path=config.filename,
        size=writer.size,
        sha256=writer.digest.hexdigest(),
        frames=len(film.durations),
        width=film.screen.width,
        height=film.screen.height,
        every=config.every,
        claim=claim.name,
    )
    claim.save(clip)
    return clip


def check_film(source: FilmSource, folder: PartitionFolder, config: Any) -> OriginalFilm:
    """Return a film, for which a file is named and durations are told that it can have.

    Raises:
        Failure: they are not.
    """
    check_filename(config.filename, source.files)
    film = OriginalFilm(source, folder, config)
    assert film.durations
    return film


def encoded_film(
    format: FilmFormat, source: FilmSource, folder: PartitionFolder, config: Any, turn: str
) -> tuple[Clip, dict[str, Any]]:
    """Encode a film in one piece and store it; return its record, and what people are told.

    Raises:
        Overtaken: a newer run has taken over. Nothing is changed.
        Failure: it cannot be made of these pictures.
    """
    film = check_film(source, folder, config)
    with claimed(folder, format.asset_name, turn) as claim:

        def write(out: Writable) -> None:
            format.write(film.whole(), out, config.options())

        clip = store_film(claim, film, config, write)
    return clip, film_metadata(clip, film)


def film_metadata(clip: Clip, film: OriginalFilm) -> dict[str, Any]:
    """Return what people are told of a clip, with a picture of its beginning."""
    return {
        "preview": MetadataValue.md(_poster(film)),
        **stored_and_linked(film.folder, clip.path),
        "bytes": clip.size,
        "frames": clip.frames,
        "size": f"{clip.width} x {clip.height}",
        "length in seconds": round(sum(film.durations) / 1000, 3),
    }


def _poster(film: OriginalFilm) -> str:
    with image_errors_as_failures():
        small = next(film.part(range(1)).pictures).picture.convert("RGB")
    small.thumbnail((_POSTER_SIDE, _POSTER_SIDE))
    out = io.BytesIO()
    small.save(out, "JPEG")
    return f"![first frame](data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()})"
