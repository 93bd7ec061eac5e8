"""What the members of an archive are: frames, damaged frames, or files that are left out.

The name of a member is never used as a path, only shown. Members that no one means as a frame are
counted and left out: files that are no images, hidden files (among them what macOS adds for its own
use), archives within the archive, and names that lead out of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from imagetl_assets.images.bundles.kind import DamagedFrame, FrameSpan, Remarks
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.image_formats import SNIFFED, sniff

NOT_IMAGES = "files that are no images"
SAME_NAME = "files with the name of a later one, which takes their place"

EXTENSIONS = {
    **{"gif": "GIF", "png": "PNG", "apng": "PNG", "webp": "WEBP", "bmp": "BMP", "dib": "BMP"},
    **{"jpg": "JPEG", "jpeg": "JPEG", "jpe": "JPEG", "jfif": "JPEG", "tif": "TIFF", "tiff": "TIFF"},
    **{"avif": "AVIF", "avifs": "AVIF", "heic": "HEIF", "heif": "HEIF", "hif": "HEIF"},
    **{"jp2": "JPEG2000", "j2k": "JPEG2000", "jpf": "JPEG2000", "jpx": "JPEG2000"},
    **{"j2c": "JPEG2000", "jpc": "JPEG2000", "jxl": "JXL"},
}
"""The formats of images by the ends of their names, in small letters."""

MOST_IMAGE_BYTES = 256 * 1024 * 1024
"""The largest image that an archive may hold: a step has it in memory."""

_ARCHIVES = frozenset(("zip", "tar", "gz", "tgz", "zst", "xz", "txz", "bz2", "tbz2", "7z", "rar"))
_MOST_CHARACTERS = 250
_DIGITS = re.compile("([0-9]+)")


@dataclass(frozen=True)
class Member:
    """A member of an archive that is a frame, or should be one.

    Attributes:
        name: as `shown_name` gives it.
        offset: of its first byte in the archive.
        length: in bytes.
        format: of the image; None if the frame is damaged.
        detail: as in `FrameSpan`.
        problem: what is wrong with it, if it is damaged.
        time: when it was written, in seconds since 1970; None if that is not told.
    """

    name: str
    offset: int
    length: int
    format: str | None = None
    detail: tuple[int, ...] = field(default=())
    problem: str = ""
    time: float | None = None


class Members:
    """All members of one archive that are frames, or should be."""

    def __init__(self, remarks: Remarks) -> None:
        self._remarks = remarks
        self._members: dict[str, Member] = {}

    def wanted(self, name: str) -> bool:
        """Tell whether a member may be a frame by its name. If not, it is counted."""
        what = _kind_of_unwanted(name)
        if what:
            self._remarks.leave_out(what, name)
        return what is None

    def leave_out(self, what: str, name: str) -> None:
        """Count a member that is no frame."""
        self._remarks.leave_out(what, name)

    def add(self, member: Member) -> None:
        """Take a member. A later one of the same name takes its place, as when it is unpacked."""
        if before := self._members.pop(member.name, None):
            self._remarks.note(SAME_NAME, before.offset, before.name)
        self._members[member.name] = member

    def pieces(self) -> Iterator[FrameSpan | DamagedFrame]:
        """Yield the members as pieces of a bundle, in the natural order of their names."""
        members = sorted(self._members.values(), key=_by_name)
        for number, one in enumerate(members):
            if one.format is None:
                yield DamagedFrame(number, one.offset, one.length, one.problem, one.name)
            else:
                place = number, one.offset, one.length
                yield FrameSpan(*place, one.format, one.name, one.detail, one.time)


def shown_name(name: str) -> str:
    """Return the name of a member in the form that is shown and compared.

    >>> shown_name("./day 1\\\\2.png")
    'day 1/2.png'
    """
    name = name.encode("utf-8", "replace").decode()
    name = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)
    name = "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    return name[-_MOST_CHARACTERS:]


def extension(name: str) -> str:
    """Return what follows the last dot of the name of a file, in small letters."""
    return name.rpartition("/")[2].rpartition(".")[2].lower() if "." in name else ""


def natural_order(name: str) -> tuple[list[str | int], str]:
    """Return a key that sorts names as people do: numbers by their value, whatever the case.

    >>> sorted(["10.png", "2.png", "B/1.png", "a/1.png"], key=natural_order)
    ['2.png', '10.png', 'a/1.png', 'B/1.png']
    """
    parts = _DIGITS.split(name.casefold())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def too_large(size: int) -> str | None:
    """Return what is wrong with an image of so many bytes, if anything."""
    if size <= MOST_IMAGE_BYTES:
        return None
    return f"it has {size:,} bytes, more than the {MOST_IMAGE_BYTES:,} that an image may have"


def checked_format(head: bytes) -> str:
    """Return the format of an image by its first bytes. Raises ImageError if it is not known."""
    if format := sniff(head[:SNIFFED]):
        return format
    if not head:
        raise ImageError("it is empty")
    raise ImageError(f"no known image format begins with the bytes {head[:8].hex(' ')}")


def _by_name(member: Member) -> tuple[bool, tuple[list[str | int], str]]:
    """Return a key that sorts members by their names; what has none comes last."""
    return not member.name, natural_order(member.name)


def _kind_of_unwanted(name: str) -> str | None:
    parts = name.split("/")
    if ".." in parts:
        return "files whose names lead out of the archive"
    if parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts):
        return "hidden files"
    if extension(name) in _ARCHIVES:
        return "archives within the archive"
    return None
