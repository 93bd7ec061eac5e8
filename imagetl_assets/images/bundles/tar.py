"""TAR archives, such as the shards of WebDataset: each image in one is a frame.

Strategy: `tarfile` walks the headers, which lie before the members, and understands all dialects
(POSIX.1-1988, -2001 "pax", GNU). The first bytes of a member tell whether it is an image. Its bytes
are in the archive as they are, so nothing has to be unpacked.

If a header in the middle of an archive is damaged, `tarfile` ends there without an error. So this
module looks at the bytes where it ends: if they are not the end of the archive, everything from
there to the end of the file counts as a damaged frame.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence

from imagetl_assets.images.bundles.kind import (
    BundleReader,
    DamagedFrame,
    FrameImage,
    FrameSpan,
    Remarks,
    image_of_each,
)
from imagetl_assets.images.bundles.limited import limited_reads
from imagetl_assets.images.bundles.members import (
    EXTENSIONS,
    NOT_IMAGES,
    Member,
    Members,
    checked_format,
    extension,
    shown_name,
    too_large,
)
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.image_formats import SNIFFED
from imagetl_assets.images.window import Window

NO_END = "TAR files without the empty blocks at their end, which may be cut short"
GOES_ON = "TAR files with something after their end, which is not read"

_BLOCK = 512
_CHECKSUM = slice(148, 156)
_MOST_HEADER = 1024 * 1024
_LOOKED_AT_AFTER_END = 32 * 1024


class Tar:
    """The kind of bundle that is a TAR archive."""

    name = "TAR archive"
    sequential = False

    def recognises(self, window: Window) -> bool:
        """Tell whether the first block has the checksum of a header: not all have a signature."""
        block = window.peek(0, _BLOCK)
        if len(block) < _BLOCK or not block[0]:
            return False
        try:
            told = int(block[_CHECKSUM].strip(b" \0"), 8)
        except ValueError:
            return False
        counted = block[: _CHECKSUM.start] + b" " * 8 + block[_CHECKSUM.stop :]
        # Some old programs have added up signed bytes.
        return told in (sum(counted), sum(byte - (byte > 127) * 256 for byte in counted))

    def pieces(self, window: Window, remarks: Remarks) -> Iterator[FrameSpan | DamagedFrame]:
        """Yield the images in the natural order of their names."""
        members = Members(remarks)
        _Walk(window, members, remarks).walk()
        return members.pieces()

    def images(
        self, bundle: BundleReader, spans: Sequence[FrameSpan]
    ) -> Iterator[FrameImage | ImageError]:
        """Yield the images as they are."""
        return image_of_each(bundle, spans, lambda span, data: FrameImage(data, span.offset))


class _Walk:
    """One pass through the headers of an archive."""

    def __init__(self, window: Window, members: Members, remarks: Remarks) -> None:
        self._file = window.file
        self._size = window.size
        self._members = members
        self._remarks = remarks

    def walk(self) -> None:
        """Hand all members to `members`."""
        self._file.seek(0)
        at = 0
        try:
            with tarfile.open(
                fileobj=limited_reads(self._file, _MOST_HEADER), mode="r:"
            ) as archive:
                while (header := archive.next()) is not None:
                    archive.members = []  # type: ignore[attr-defined]  # else it keeps all of them
                    if not self._take(header):
                        return
                    at = archive.offset
        except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
            reason = str(error) if isinstance(error, tarfile.TarError) else "it makes no sense"
            self._damaged(at, f"the header of a TAR member is damaged: {reason}")
            return
        self._look_at_end(at)

    def _take(self, header: tarfile.TarInfo) -> bool:
        """Take a member; return whether others can follow."""
        start, size = header.offset_data, header.size
        name = shown_name(header.name)
        if header.isdir():
            return True
        if not header.isreg():
            self._members.leave_out("links and devices", name)
            return True
        cut = start + size > self._size
        if self._members.wanted(name):
            if header.sparse is not None:
                self._damaged(header.offset, "it is stored with holes (GNU sparse)", name)
            elif problem := too_large(size):
                self._damaged(header.offset, problem, name)
            elif cut:
                self._damaged(header.offset, "the file ends in the middle of it", name)
            else:
                self._take_image(name, header)
        return not cut

    def _take_image(self, name: str, header: tarfile.TarInfo) -> None:
        start, size = header.offset_data, header.size
        self._file.seek(start)
        try:
            format = checked_format(self._file.read(min(size, SNIFFED)))
        except ImageError as error:
            if extension(name) in EXTENSIONS:
                self._damaged(header.offset, error.problem, name)
            else:
                self._members.leave_out(NOT_IMAGES, name)
        else:
            time = float(header.mtime) or None
            self._members.add(Member(name, start, size, format, time=time))

    def _damaged(self, at: int, problem: str, name: str = "") -> None:
        length = max(1, self._size - at) if not name else _BLOCK
        self._members.add(Member(name, at, length, problem=problem))

    def _look_at_end(self, at: int) -> None:
        """Look at what is where the last member ends."""
        self._file.seek(at)
        rest = self._file.read(_LOOKED_AT_AFTER_END)
        if rest[:_BLOCK].strip(b"\0"):
            self._damaged(at, "the header of a TAR member is damaged: what follows is not found")
        elif len(rest) < _BLOCK:
            self._remarks.note(NO_END, at)
        elif rest.strip(b"\0"):
            self._remarks.note(GOES_ON, at)
