"""What a clip is made of: frames, or what has to be drawn over the frame before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from imagetl_assets.images import gif
from imagetl_assets.images.delta import delta
from imagetl_assets.records import FrameFiles, RawFile, StoredFrame
from imagetl_assets.storage.base import FileChanged, in_blocks
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.storage.publishing import deltas_of


@dataclass(frozen=True)
class Part:
    """A stored GIF that goes into a clip.

    Attributes:
        layout: with the images of it that are used.
        path: of the file.
        size: in bytes.
        offset: where the same bytes are in the raw file, or None if they are not.
        durations_ms: how long the bundle shows each of these images, in milliseconds; None if it
            does not say.
        time: when it was taken or written, in seconds since 1970; None if that is not known.
    """

    layout: gif.GifLayout
    path: str
    size: int
    offset: int | None
    durations_ms: tuple[float | None, ...] = ()
    time: float | None = None


def whole_frames(folder: PartitionFolder, files: FrameFiles, every: int) -> list[Part]:
    """Return the frames that a clip of every n-th image is made of."""
    frames = files.frames
    layouts = gif.every_nth((frame.layout for frame in frames), every)
    return [
        Part(
            layout=layout,
            path=f"{folder.frames}/{name}",
            size=frame.size,
            offset=frame.offset,
            durations_ms=_durations(frame, layout),
            time=frame.time,
        )
        for layout, name, frame in zip(layouts, files.names, frames, strict=True)
        if layout.images
    ]


def _durations(frame: StoredFrame, taken: gif.GifLayout) -> tuple[float | None, ...]:
    """Return how long those images of a frame are shown that are taken.

    A frame that is animated has its own times. That of a single image means nothing in a bundle.
    """
    if len(frame.layout.images) > 1:
        return tuple(image.delay * 10.0 for image in taken.images)
    return (frame.duration_ms,) * len(taken.images)


def screen_of(parts: Sequence[Part]) -> gif.Screen:
    """Return the screen that parts which are whole frames need."""
    return gif.screen_size(part.layout for part in parts)


def with_differences(
    folder: PartitionFolder, files: FrameFiles, whole: Sequence[Part]
) -> tuple[Iterator[tuple[gif.GifLayout, bytes]], gif.Screen]:
    """Return what a clip is made of, layouts with their bytes, and the screen that it needs.

    These are differences, if differences are stored and each frame covers the whole screen. If the
    clip leaves frames out, they are made anew, from each of its frames to the next.
    """
    screen = screen_of(whole)
    deltas = [frame.delta for frame in files.frames]
    if screen.clear or not any(deltas):
        return as_they_are(folder, files, whole), screen
    if len(whole) == len(deltas):
        places = [f"{deltas_of(folder, files)}/{name}" for name in files.names]
        parts = [
            replace(part, layout=stored.layout, path=place, size=stored.size, offset=None)
            if stored
            else part
            for part, stored, place in zip(whole, deltas, places, strict=True)
        ]
        layouts = (part.layout for part in parts)
        return as_they_are(folder, files, parts), gif.screen_size(layouts, deltas=True)
    if any(len(frame.layout.images) > 1 for frame in files.frames):
        return as_they_are(folder, files, whole), screen
    return _differences(as_they_are(folder, files, whole)), screen


def as_they_are(
    folder: PartitionFolder, files: FrameFiles, parts: Sequence[Part]
) -> Iterator[tuple[gif.GifLayout, bytes]]:
    """Return layouts and bytes of parts, in order."""
    layouts = (part.layout for part in parts)
    return zip(layouts, read_parts(folder, files.raw, parts), strict=True)


def _differences(
    frames: Iterator[tuple[gif.GifLayout, bytes]],
) -> Iterator[tuple[gif.GifLayout, bytes]]:
    """Yield each frame as its difference from the one before, where that is smaller."""
    previous: bytes | None = None
    for layout, data in frames:
        difference = None if previous is None else delta(previous, data)
        if difference is None or len(difference) >= len(data):
            yield layout, data
        else:
            yield gif.parse(difference), difference
        previous = data


def read_parts(folder: PartitionFolder, raw: RawFile, parts: Sequence[Part]) -> Iterator[bytes]:
    """Yield the bytes of the parts, in order.

    Bytes that the raw file holds as well are read from there, as one stream, instead of from one
    file for each frame.
    """
    for in_raw, group in groupby(parts, lambda part: part.offset is not None):
        some = list(group)
        if not in_raw:
            yield from _read_files(folder, some)
            continue
        spans = [(part.offset or 0, part.size) for part in some]
        contents = folder.store.read_spans(folder.path(raw.path), spans, raw.version)
        try:
            first = next(contents)
        except (FileChanged, FileNotFoundError):
            yield from _read_files(folder, some)
        else:
            yield first
            yield from contents


def _read_files(folder: PartitionFolder, parts: Sequence[Part]) -> Iterator[bytes]:
    for block in in_blocks(parts, lambda part: part.size):
        yield from folder.store.read_many([part.path for part in block])
