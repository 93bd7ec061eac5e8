"""The images of frames, as they are in the raw file, whatever kind of bundle it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from imagetl_assets.assets.failures import raw_file_changed
from imagetl_assets.images import bundle
from imagetl_assets.images.bundle import FrameImage, FrameSpan
from imagetl_assets.images.decode import exif_time
from imagetl_assets.images.edit import FrameInfo
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.new_size import NewSize
from imagetl_assets.records import FrameIndex, RawFile
from imagetl_assets.storage import FileChanged, FileState
from imagetl_assets.storage.partition_folder import PartitionFolder


def images_at(
    folder: PartitionFolder, index: FrameIndex, spans: Sequence[FrameSpan]
) -> Iterator[FrameImage | ImageError]:
    """Yield the images of these spans of an index, or what is wrong with them.

    Raises:
        Failure: the raw file is not the one that the index is about.
    """
    try:
        yield from bundle.images(index.kind, _RawFile(folder, index.raw, index.edit.resize), spans)
    except (FileChanged, FileNotFoundError):
        raise raw_file_changed(folder, index.raw) from None


def frame_info(span: FrameSpan, image: FrameImage | ImageError) -> FrameInfo:
    """Return what is known of a frame; a photo tells best when it was taken."""
    taken = None
    if isinstance(image, FrameImage) and isinstance(image.data, bytes):
        taken = exif_time(image.data)
    return FrameInfo(span.number, span.name, span.time if taken is None else taken)


@dataclass(frozen=True)
class _RawFile:
    """The raw file of an index, as kinds of bundles read it."""

    folder: PartitionFolder
    raw: RawFile
    resize: NewSize | None

    def read(self, spans: Sequence[tuple[int, int]]) -> Iterator[bytes]:
        path = self.folder.path(self.raw.path)
        return self.folder.store.read_spans(path, spans, self.raw.version)

    def open(self) -> BinaryIO:
        state = FileState(self.raw.size, self.raw.version)
        return self.folder.store.open(self.folder.path(self.raw.path), state)
