"""The pictures of a clip in full colour, decoded from the raw file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate, count
from typing import TYPE_CHECKING

from dagster import Failure

from imagetl_assets.assets.clip_config import ShownConfig
from imagetl_assets.assets.clip_parts import Part, screen_of, whole_frames
from imagetl_assets.assets.film_segments import FilmSource
from imagetl_assets.assets.raw_images import frame_info, images_at
from imagetl_assets.images import decode, gif
from imagetl_assets.images.bundle import FrameImage, FrameSpan
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.outputs.film import Film, Shown
from imagetl_assets.images.time_limit import check_time
from imagetl_assets.records import FrameIndex
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.storage.ranges import each_ahead

if TYPE_CHECKING:
    import PIL.Image


class OriginalFilm:
    """The film of all frames that are stored, or of every n-th picture of them.

    Attributes:
        folder: of the partition.
    """

    def __init__(self, source: FilmSource, folder: PartitionFolder, config: ShownConfig) -> None:
        """Take the records of the frames, the partition folder, and the config of the clip.

        Raises:
            Failure: the records are not about the same frames.
        """
        if not source.is_of_one_run:
            raise Failure(
                "the frames that are indexed are not those that are stored: materialize frames "
                "again",
                allow_retries=False,
            )
        self._index, self._files = source.index, source.files
        self.folder = folder
        self._config = config

    @cached_property
    def screen(self) -> gif.Screen:
        """The screen that all pictures fit on."""
        return screen_of(self._whole)

    @cached_property
    def durations(self) -> list[float]:
        """How long each picture is shown, in milliseconds.

        Raises:
            Failure: it depends on times that are not known.
        """
        durations = self._config.durations(self._whole)
        if isinstance(durations, list):
            return durations
        return [durations] * sum(len(part.layout.images) for part in self._whole)

    def whole(self) -> Film:
        """Return all of the film."""
        return self.part(range(len(self._files.frames)))

    def part(self, frames: range) -> Film:
        """Return the pictures of the stored frames at these positions."""
        every, images = self._config.every, self._images
        # Of the images before one, each n-th is taken.
        begin, end = (-(-images[at] // every) for at in (frames.start, frames.stop))
        spans = self._spans[frames.start : frames.stop]
        pictures = _pictures(self.folder, self._index, spans, images[frames.start], every)
        starts = self._starts
        return Film(
            self.screen.width,
            self.screen.height,
            end - begin,
            map(Shown, pictures, self.durations[begin:end]),
            start_ms=starts[begin],
            usual_ms=starts[-1] / len(self.durations),
        )

    @cached_property
    def _whole(self) -> list[Part]:
        return whole_frames(self.folder, self._files, self._config.every)

    @cached_property
    def _spans(self) -> list[FrameSpan]:
        left_out = {piece.number for piece in self._files.damaged}
        return [span for span in self._index.frames if span.number not in left_out]

    @cached_property
    def _images(self) -> list[int]:
        """How many images there are before each frame, and in all."""
        images = (len(frame.layout.images) for frame in self._files.frames)
        return list(accumulate(images, initial=0))

    @cached_property
    def _starts(self) -> list[float]:
        """When each picture is shown, in milliseconds, and how long the film is."""
        return list(accumulate(self.durations, initial=0.0))


def _pictures(
    folder: PartitionFolder, index: FrameIndex, spans: Sequence[FrameSpan], first: int, every: int
) -> Iterator[PIL.Image.Image]:
    """Yield every n-th picture of these spans; `first` is the number of the first in the film."""
    number = count(first)
    originals = zip(spans, images_at(folder, index, spans), strict=True)
    for pictures in each_ahead(lambda original: _decoded(*original, index), originals):
        check_time()
        yield from [picture for picture in pictures if next(number) % every == 0]


def _decoded(
    span: FrameSpan, image: FrameImage | ImageError, index: FrameIndex
) -> list[decode.Picture]:
    """Return all pictures of an image, as they are after the edit that frames are stored with."""
    if isinstance(image, ImageError):
        raise image
    info = frame_info(span, image)
    found = decode.pictures(image.data) if isinstance(image.data, bytes) else [image.data]
    return [index.edit.apply(picture, info) for picture in found]
