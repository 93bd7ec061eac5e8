"""The pictures of a clip in full colour, decoded from the raw file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, repeat

from dagster import Failure

from imagetl_assets.assets.clip_config import ShownConfig
from imagetl_assets.assets.clip_parts import screen_of, whole_frames
from imagetl_assets.assets.raw_images import frame_info, images_at
from imagetl_assets.images import decode
from imagetl_assets.images.bundle import FrameImage, FrameSpan
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.outputs.film import Film, Shown
from imagetl_assets.images.time_limit import check_time
from imagetl_assets.records import FrameFiles, FrameIndex
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.storage.ranges import each_ahead


def original_film(
    folder: PartitionFolder, index: FrameIndex, files: FrameFiles, config: ShownConfig
) -> Film:
    """Return the film of all frames that are stored, or of every n-th picture of them.

    Raises:
        Failure: the records are not about the same frames.
    """
    if files.claim != index.claim:
        raise Failure(
            "the frames that are indexed are not those that are stored: materialize frames again",
            allow_retries=False,
        )
    whole = whole_frames(folder, files, config.every)
    durations = config.durations(whole)
    screen = screen_of(whole)
    total = sum(len(part.layout.images) for part in whole)
    left_out = {piece.number for piece in files.damaged}
    spans = [span for span in index.frames if span.number not in left_out]
    shown_for = repeat(durations) if isinstance(durations, float) else iter(durations)

    def pictures() -> Iterator[Shown]:
        number = count()
        originals = zip(spans, images_at(folder, index, spans), strict=True)
        for images in each_ahead(lambda original: _decoded(*original, index), originals):
            check_time()
            wanted = [image for image in images if next(number) % config.every == 0]
            for picture in wanted:
                yield Shown(picture, next(shown_for))

    return Film(screen.width, screen.height, total, pictures())


def _decoded(
    span: FrameSpan, image: FrameImage | ImageError, index: FrameIndex
) -> list[decode.Picture]:
    """Return all pictures of an image, as they are after the edit that frames are stored with."""
    if isinstance(image, ImageError):
        raise image
    info = frame_info(span, image)
    found = decode.pictures(image.data) if isinstance(image.data, bytes) else [image.data]
    return [index.edit.apply(picture, info) for picture in found]
