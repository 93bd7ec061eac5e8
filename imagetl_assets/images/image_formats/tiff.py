"""TIFF 6.0, https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf, and BigTIFF.

A TIFF does not say how long it is, but everything in it is pointed at by a directory. So its end is
that of the furthest byte that any directory points at.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import calcsize, unpack

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.image_formats.format import ImageFormat
from imagetl_assets.images.window import Window

# Bytes of a value of each field type (section 2; 16 to 18 are of BigTIFF), and types of integers.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
SIZES |= {16: 8, 17: 8, 18: 8}
INTEGERS = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}

# Fields that point at data, each with the field that says how long they are.
_DATA_FIELDS = {273: 279, 324: 325, 513: 514}
_SUB_DIRECTORIES = {330, 34665, 34853}
_WANTED = {*_DATA_FIELDS, *_DATA_FIELDS.values(), *_SUB_DIRECTORIES}
_MAX_VALUES = 1 << 20


@dataclass(frozen=True)
class Layout:
    """How a kind of TIFF writes its numbers, as formats of `struct`.

    Attributes:
        order: of bytes.
        pointer: of an offset in the file, and of the number of values of a field.
        count: of the number of fields in a directory.
    """

    order: str
    pointer: str
    count: str

    def numbers(self, formats: str, data: bytes) -> tuple[int, ...]:
        """Return the numbers in `data`."""
        return unpack(self.order + formats, data)

    def size(self, formats: str) -> int:
        """Return how many bytes these numbers take."""
        return calcsize(self.order + formats)


KINDS = {
    b"II*\0": (Layout("<", "I", "H"), 4),
    b"MM\0*": (Layout(">", "I", "H"), 4),
    b"II+\0": (Layout("<", "Q", "Q"), 8),
    b"MM\0+": (Layout(">", "Q", "Q"), 8),
}
"""How each kind of TIFF is laid out, by its first four bytes, and where its first pointer is."""


def _end(window: Window, pos: int) -> int:
    layout, first = KINDS[window.read(pos, 4)]
    directories = _Directories(window, pos, layout)
    start = first + layout.size(layout.pointer)
    directories.furthest = start
    directories.follow(*layout.numbers(layout.pointer, window.read(pos + first, start - first)))
    window.index(pos + directories.furthest - 1)
    return pos + directories.furthest


class _Directories:
    """Follows the directories of the TIFF at `pos`. Offsets are counted from there.

    Attributes:
        furthest: the offset after the furthest byte so far.
    """

    def __init__(self, window: Window, pos: int, layout: Layout) -> None:
        self.furthest = 0
        self._window = window
        self._pos = pos
        self._layout = layout
        self._values = 0

    def follow(self, first: int) -> None:
        """Read the directory at this offset, and all that follow from it."""
        pending = [first]
        seen: set[int] = {0}
        while pending:
            at = pending.pop()
            if at not in seen:
                seen.add(at)
                pending += self._directory(at)

    def _directory(self, at: int) -> list[int]:
        """Read a directory; return the offsets of others."""
        layout = self._layout
        self._count(1, at)
        size = layout.size(layout.count)
        (count,) = layout.numbers(layout.count, self._read(at, size))
        entry_size = layout.size(f"HH{layout.pointer}{layout.pointer}")
        entries = at + size
        fields: dict[int, tuple[int, ...]] = {}
        for i in range(count):
            tag, values = self._field(entries + i * entry_size)
            fields[tag] = values
        for tag, lengths in _DATA_FIELDS.items():
            extents = zip(fields.get(tag, ()), fields.get(lengths, ()), strict=False)
            self._reach(max((start + length for start, length in extents), default=0))
        following = entries + count * entry_size
        size = layout.size(layout.pointer)
        self._reach(following + size)
        others = [offset for tag in _SUB_DIRECTORIES for offset in fields.get(tag, ())]
        return [*others, *layout.numbers(layout.pointer, self._read(following, size))]

    def _field(self, entry: int) -> tuple[int, tuple[int, ...]]:
        """Return the tag of a field, and its values if they are offsets or lengths."""
        layout = self._layout
        formats = f"HH{layout.pointer}"
        place = entry + layout.size(formats)
        tag, kind, count = layout.numbers(formats, self._read(entry, layout.size(formats)))
        length = count * SIZES.get(kind, 0)
        size = layout.size(layout.pointer)
        if length > size:
            (place,) = layout.numbers(layout.pointer, self._read(place, size))
        self._window.index(self._pos + place + max(length, 1) - 1)
        self._reach(place + length)
        wanted = tag in _WANTED
        self._count(count if wanted else 1, entry)
        if not wanted or kind not in INTEGERS:
            return tag, ()
        return tag, layout.numbers(f"{count}{INTEGERS[kind]}", self._read(place, length))

    def _read(self, offset: int, length: int) -> bytes:
        return self._window.read(self._pos + offset, length)

    def _reach(self, offset: int) -> None:
        self.furthest = max(self.furthest, offset)

    def _count(self, values: int, at: int) -> None:
        """Count what is read. Raises ImageError if it is more than any real file has."""
        self._values += values
        if self._values > _MAX_VALUES:
            raise ImageError("the TIFF directories are too large", self._pos + at)


TIFF = ImageFormat(rb"II[*+]\0|MM\0[*+]", _end)
