"""ZIP archives (stored and deflated members, ZIP64): each image in one is a frame.

Strategy: `zipfile` reads the directory at the end of the file, and nothing else of it. A span goes
from the header of a member to the next one; the mapped step that stores the frame reads the header
in there, and inflates the image. The size that a member announces is limited, and no member may
have more bytes than it announces, nor any that belong to another one. So a small file cannot stand
for a huge one.

Specification: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
"""

from __future__ import annotations

import mimetypes
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

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
from imagetl_assets.images.errors import BundleError, ImageError
from imagetl_assets.images.image_formats import SNIFFED, sniff
from imagetl_assets.images.window import Window

_SIGNATURE = b"PK\x03\x04"
_EMPTY = b"PK\x05\x06"
_ENCRYPTED = 0x1
_HEADER = 30
_LARGEST_HEADER = _HEADER + 2 * 0xFFFF
_FIRST_BYTES = 4096  # of a member, from which to tell its format
_MOST_DIRECTORY = 64 * 1024 * 1024
# What `zipfile` raises for damaged directories.
_DIRECTORY_ERRORS = (
    *(zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, EOFError),
    *(struct.error, zlib.error),
)
_METHODS = {
    **{6: "Implode", 9: "Deflate64", 12: "BZip2", 14: "LZMA", 93: "Zstandard", 95: "XZ"},
    **{96: "JPEG", 98: "PPMd"},
}


class Zip:
    """The kind of bundle that is a ZIP archive."""

    name = "ZIP archive"
    sequential = False

    def recognises(self, window: Window) -> bool:
        """Tell whether a member is there, or the directory of an archive without any."""
        return window.peek(0, len(_SIGNATURE)) in (_SIGNATURE, _EMPTY)

    def pieces(self, window: Window, remarks: Remarks) -> Iterator[FrameSpan | DamagedFrame]:
        """Yield the images in the natural order of their names."""
        try:
            with zipfile.ZipFile(limited_reads(window.file, _MOST_DIRECTORY)) as archive:
                entries, directory_at = archive.infolist(), archive.start_dir
        except _DIRECTORY_ERRORS as error:
            raise BundleError(
                "its directory, which a ZIP has at its end, cannot be read "
                f"({str(error).rstrip('.')}): the file is cut short or damaged"
            ) from None
        members = Members(remarks)
        for entry, room in _with_room(entries, directory_at):
            if not entry.filename.endswith("/"):  # not is_dir(), which fails if there is no name
                _take(entry, room, members, window)
        return members.pieces()

    def images(
        self, bundle: BundleReader, spans: Sequence[FrameSpan]
    ) -> Iterator[FrameImage | ImageError]:
        """Yield the images, inflated where they are deflated."""
        return image_of_each(bundle, spans, _image)


def _with_room(
    entries: Sequence[zipfile.ZipInfo], directory_at: int
) -> Iterator[tuple[zipfile.ZipInfo, int]]:
    """Yield each member, and how many bytes there are from its header to the next one."""
    entries = sorted(entries, key=lambda entry: entry.header_offset)
    ends = [*(entry.header_offset for entry in entries[1:]), directory_at]
    for entry, end in zip(entries, ends, strict=False):
        yield entry, min(end, directory_at) - entry.header_offset


def _take(entry: zipfile.ZipInfo, room: int, members: Members, window: Window) -> None:
    """Take a member, or count it as one that is left out."""
    name = shown_name(entry.filename)
    if not members.wanted(name):
        return
    format = EXTENSIONS.get(extension(name))
    if format is None and _of_another_type(name):
        members.leave_out(NOT_IMAGES, name)
        return
    if entry.flag_bits & _ENCRYPTED:
        raise BundleError(f"{name} in it is encrypted; only a ZIP without a password can be read")
    if problem := _problem(entry, room):
        members.add(Member(name, entry.header_offset, max(1, room), problem=problem))
        return
    length = min(room, _LARGEST_HEADER + entry.compress_size)
    detail = entry.compress_type, entry.compress_size, entry.file_size, entry.CRC
    if format is None:
        head = window.peek(entry.header_offset, min(length, _LARGEST_HEADER + _FIRST_BYTES))
        format = _sniffed(head, entry.compress_type)
        if format is None:
            members.leave_out(NOT_IMAGES, name)
            return
    time = _time(entry)
    members.add(Member(name, entry.header_offset, length, format, detail, time=time))


def _time(entry: zipfile.ZipInfo) -> float | None:
    """Return when a member was written. A ZIP tells it without a time zone: UTC is assumed."""
    if entry.date_time <= (1980, 1, 1, 0, 0, 0):  # what programs write that do not know
        return None
    try:
        return datetime(*entry.date_time, tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None


def _of_another_type(name: str) -> bool:
    """Tell whether a name says that the file is no image, so that it need not be looked at."""
    type, _ = mimetypes.guess_type(name)
    return type is not None and not type.startswith("image/")


def _problem(entry: zipfile.ZipInfo, room: int) -> str | None:
    """Return what is wrong with a member, as far as the directory tells."""
    method = entry.compress_type
    if method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"it is compressed with {_METHODS.get(method, f'method {method}')}, not with Deflate"
    if room < _HEADER + entry.compress_size:
        return "its bytes are those of another member of the ZIP, too"
    return too_large(entry.file_size)


def _sniffed(head: bytes, method: int) -> str | None:
    """Return the format of the image that a member begins with, if it does."""
    try:
        data = head[_data_offset(head) :]
        if method == zipfile.ZIP_DEFLATED:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, SNIFFED)
    except (ImageError, zlib.error):
        return None
    return sniff(data)


def _image(span: FrameSpan, data: bytes) -> FrameImage:
    """Return the image of a member. Raises ImageError unless it is all that was announced."""
    method, packed_size, size, crc = span.detail
    start = _data_offset(data)
    packed = data[start : start + packed_size]
    if len(packed) < packed_size:
        raise ImageError("its header leaves no room for it")
    image = packed if method == zipfile.ZIP_STORED else _inflated(packed, size)
    if len(image) != size or zlib.crc32(image) != crc:
        raise ImageError("its bytes are not those that the directory of the ZIP tells of")
    checked_format(image)
    return FrameImage(image, span.offset + start if image is packed else None)


def _inflated(packed: bytes, size: int) -> bytes:
    """Return the bytes of a deflated member, at most one more than `size`."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise ImageError(f"it cannot be inflated: {error}") from None


def _data_offset(data: bytes) -> int:
    """Return where the bytes of a member begin that has its header at the beginning of `data`."""
    if len(data) < _HEADER or not data.startswith(_SIGNATURE):
        raise ImageError("its header in the ZIP is damaged")
    name, extra = struct.unpack_from("<HH", data, 26)
    return _HEADER + int(name) + int(extra)
