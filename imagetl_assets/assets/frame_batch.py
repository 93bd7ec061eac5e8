"""What a mapped step does with a frame batch: read, convert, check and store its frames."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from dagster import Failure

from imagetl_assets.assets.damage import damaged_frame, described
from imagetl_assets.assets.known_frames import KnownFrames, known_frames, source_of
from imagetl_assets.assets.raw_images import frame_info, images_at
from imagetl_assets.images import gif
from imagetl_assets.images.bundle import DamagedFrame, FrameImage, FrameSpan
from imagetl_assets.images.delta import delta
from imagetl_assets.images.edit import EditError, FrameInfo
from imagetl_assets.images.errors import ImageError, ResizeError
from imagetl_assets.images.time_limit import check_time
from imagetl_assets.images.transcode import to_gif
from imagetl_assets.records import FrameIndex, StoredDelta, StoredFrame, StoredFrameBatch
from imagetl_assets.storage.base import BLOCK_BYTES, Store
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.storage.publishing import deltas_of, written_to


@dataclass(frozen=True)
class _Gif:
    """A frame as it is stored."""

    data: bytes
    layout: gif.GifLayout
    sha256: str = ""
    source: str | None = None


def store_frame_batch(
    folder: PartitionFolder, index: FrameIndex, positions: range
) -> StoredFrameBatch:
    """Store the frames at these positions; return what was stored, and what was left out.

    Raises:
        Failure: a frame is damaged and such frames are not to be skipped, or the raw file is not
            the one that the index is about.
        WriteConflict: a newer run has taken over.
    """
    stored: list[StoredFrame] = []
    damaged: list[DamagedFrame] = []
    frames, deltas = _Files(folder.store, only_new=index.in_place), _Files(folder.store)
    frames_folder, deltas_folder = written_to(folder, index), deltas_of(folder, index)
    known = known_frames(folder, index)
    previous = _previous(folder, index, positions, known) if index.optimize else None
    images = images_at(folder, index, _spans(index, positions))
    for position, image in zip(positions, images, strict=True):
        check_time()
        span = index.frames[position]
        info = frame_info(span, image)
        try:
            frame = _as_gif(image, index, info, known)
        except (ImageError, ResizeError) as error:
            piece = _left_out(span, error)
            if not index.skip_damaged:
                raise _failure(piece, error, index) from None
            damaged.append(piece)
            continue
        name = f"{index.name(position)}.gif"
        frames.add(f"{frames_folder}/{name}", frame.data)
        difference = _difference(previous, frame) if index.optimize else None
        if difference:
            deltas.add(f"{deltas_folder}/{name}", difference.data)
        previous = frame
        stored.append(
            StoredFrame(
                offset=_offset_of(frame, image),
                size=len(frame.data),
                sha256=frame.sha256,
                layout=frame.layout,
                delta=StoredDelta(len(difference.data), difference.layout) if difference else None,
                time=info.time,
                duration_ms=image.duration_ms if isinstance(image, FrameImage) else None,
                source=frame.source,
            )
        )
    frames.write()
    deltas.write()
    return StoredFrameBatch(tuple(stored), tuple(damaged))


class _Files:
    """Files to be written, about a block of them at a time."""

    def __init__(self, store: Store, *, only_new: bool = False) -> None:
        self._store = store
        self._only_new = only_new
        self._pending: dict[str, bytes] = {}
        self._bytes = 0

    def add(self, key: str, data: bytes) -> None:
        self._pending[key] = data
        self._bytes += len(data)
        if self._bytes >= BLOCK_BYTES:
            self.write()

    def write(self) -> None:
        self._store.write_many(self._pending, make_folder=False, only_new=self._only_new)
        self._pending, self._bytes = {}, 0


def _spans(index: FrameIndex, positions: range) -> Sequence[FrameSpan]:
    return index.frames[positions.start : positions.stop]


def _left_out(span: FrameSpan, error: ImageError | ResizeError) -> DamagedFrame:
    problem = error.problem if isinstance(error, ImageError) else str(error)
    return DamagedFrame(span.number, span.offset, span.length, problem, span.name)


def _failure(frame: DamagedFrame, error: ImageError | ResizeError, index: FrameIndex) -> Failure:
    """Return what to raise because a frame is damaged, or would become too large."""
    if isinstance(error, ImageError):
        return damaged_frame([frame], index.raw)
    return Failure(
        f"{described(frame)}. Ask for a size within a box, such as 320x240, or set "
        "on_damaged_frame to skip, to leave such frames out",
        allow_retries=False,
    )


def _as_gif(
    image: FrameImage | ImageError, index: FrameIndex, info: FrameInfo, known: KnownFrames
) -> _Gif:
    """Return a frame as a GIF.

    Raises:
        ImageError: its pixels do not decode.
        ResizeError: it would become too large.
        Failure: the edit cannot be made, whatever the picture.
    """
    if isinstance(image, ImageError):
        raise image
    source: str | None = None
    sha256 = ""
    if isinstance(image.data, bytes):
        sha256 = hashlib.sha256(image.data).hexdigest()
        source = source_of(sha256, index, info)
        if found := known.find(source, image.data):
            return _Gif(found.data, found.stored.layout, found.stored.sha256, source)
    try:
        encoded = to_gif(image.data, edit=index.edit, frame=info, dither=index.dither)
    except EditError as error:
        raise Failure(str(error), allow_retries=False) from None
    layout = gif.parse(encoded)
    gif.check_pixels(encoded, layout)
    if encoded is not image.data:
        sha256 = hashlib.sha256(encoded).hexdigest()
    return _Gif(encoded, layout, sha256, source)


def _offset_of(frame: _Gif, image: FrameImage | ImageError) -> int | None:
    """Return where the raw file has the bytes of a stored frame, if it has them."""
    assert isinstance(image, FrameImage)
    return image.offset if frame.data == image.data else None


def _previous(
    folder: PartitionFolder, index: FrameIndex, positions: range, known: KnownFrames
) -> _Gif | None:
    """Return the frame before the frame batch, unless there is none or it is damaged."""
    if positions.start == 0:
        return None
    before = range(positions.start - 1, positions.start)
    (image,) = images_at(folder, index, _spans(index, before))
    try:
        return _as_gif(image, index, frame_info(index.frames[before.start], image), known)
    except (ImageError, ResizeError):
        return None


def _difference(previous: _Gif | None, frame: _Gif) -> _Gif | None:
    """Return how a frame differs from the one before, if that can be drawn over it and is smaller.

    For that, both must cover the same whole screen.
    """
    if previous is None or gif.screen_size([previous.layout, frame.layout]).clear:
        return None
    difference = delta(previous.data, frame.data)
    if difference is None or len(difference) >= len(frame.data):
        return None
    return _Gif(difference, gif.parse(difference))
