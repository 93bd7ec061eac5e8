"""What a mapped step does with its frames: read, convert, check and store them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from dagster import Failure

from imagetl_assets.images import gif
from imagetl_assets.images.bundle import DamagedFrame, FrameSpan
from imagetl_assets.images.delta import delta
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.transcode import to_gif
from imagetl_assets.records import FrameIndex, RawFile, StoredBatch, StoredDelta, StoredFrame
from imagetl_assets.storage import FileChanged
from imagetl_assets.storage.base import BLOCK_BYTES, Store
from imagetl_assets.storage.resource import PartitionFolder


def store_batch(folder: PartitionFolder, index: FrameIndex, positions: range) -> StoredBatch:
    """Store the frames at these positions; return what was stored, and what was left out.

    Raises:
        Failure: a frame is damaged and such frames are not to be skipped, or the raw file is not
            the one that the index is about.
    """
    stored: list[StoredFrame] = []
    damaged: list[DamagedFrame] = []
    files = _Files(folder.store)
    previous = _previous(folder, index, positions) if index.optimize else None
    for position, data in zip(positions, _read(folder, index, positions), strict=True):
        span = index.frames[position]
        try:
            encoded, layout = _as_gif(data, index)
        except ImageError as error:
            if not index.skip_damaged:
                raise _damaged(span, index.raw, error) from None
            damaged.append(DamagedFrame(span.number, span.offset, span.length, error.problem))
            continue
        name = f"{index.name(position)}.gif"
        files.add(f"{index.folder}/{name}", encoded)
        difference = None
        if index.optimize:
            difference = _difference(previous, encoded, layout)
            if difference:
                files.add(f"{folder.deltas(index.fingerprint)}/{name}", difference)
            previous = encoded, layout
        stored.append(
            StoredFrame(
                offset=span.offset if encoded == data else None,
                size=len(encoded),
                sha256=hashlib.sha256(encoded).hexdigest(),
                layout=layout,
                delta=StoredDelta(len(difference), gif.parse(difference)) if difference else None,
            )
        )
    files.write()
    return StoredBatch(tuple(stored), tuple(damaged))


def raw_changed(folder: PartitionFolder, raw: RawFile) -> Failure:
    """Return what to raise where the raw file is not the one that a run began with."""
    return Failure(
        f"{folder.uri(raw.path)} is not the file that this run is about: it was removed or "
        "replaced, perhaps by another run of the same file. Materialize raw_data_file again",
        allow_retries=False,
    )


class _Files:
    """Files to be written, about a block of them at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: dict[str, bytes] = {}
        self._bytes = 0

    def add(self, key: str, data: bytes) -> None:
        self._pending[key] = data
        self._bytes += len(data)
        if self._bytes >= BLOCK_BYTES:
            self.write()

    def write(self) -> None:
        self._store.write_many(self._pending)
        self._pending, self._bytes = {}, 0


def _read(folder: PartitionFolder, index: FrameIndex, positions: range) -> Iterator[bytes]:
    """Yield the bytes of the frames at these positions of the raw file."""
    raw = index.raw
    spans = [(index.frames[i].offset, index.frames[i].length) for i in positions]
    try:
        yield from folder.store.read_spans(folder.path(raw.path), spans, raw.version)
    except (FileChanged, FileNotFoundError):
        raise raw_changed(folder, raw) from None


def _as_gif(data: bytes, index: FrameIndex) -> tuple[bytes, gif.GifLayout]:
    """Return a frame as a GIF, with its layout. Raises ImageError unless its pixels decode."""
    encoded = to_gif(data, resize=index.resize)
    layout = gif.parse(encoded)
    gif.check_pixels(encoded, layout)
    return encoded, layout


def _damaged(span: FrameSpan, raw: RawFile, error: ImageError) -> Failure:
    return Failure(
        f"frame {span.number} at byte {span.offset:,} of {raw.path} is damaged: {error.problem}. "
        "To leave such frames out, set on_damaged_frame to skip",
        metadata={"frame": span.number, "offset": span.offset},
        allow_retries=False,
    )


def _previous(
    folder: PartitionFolder, index: FrameIndex, positions: range
) -> tuple[bytes, gif.GifLayout] | None:
    """Return the frame before the batch, unless there is none or it is damaged."""
    if positions.start == 0:
        return None
    (data,) = _read(folder, index, range(positions.start - 1, positions.start))
    try:
        return _as_gif(data, index)
    except ImageError:
        return None


def _difference(
    previous: tuple[bytes, gif.GifLayout] | None, encoded: bytes, layout: gif.GifLayout
) -> bytes | None:
    """Return how a frame differs from the one before, if that can be drawn over it and is smaller.

    For that, both must cover the same whole screen.
    """
    if previous is None or gif.screen_size([previous[1], layout]).clear:
        return None
    difference = delta(previous[0], encoded)
    return difference if len(difference) < len(encoded) else None
