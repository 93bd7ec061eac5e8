"""What the pages of a TIFF are: which of them are meant to be shown, and what is special in them.

Source: TIFF 6.0, https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf, and BigTIFF.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.image_formats.tiff import INTEGERS, KINDS, SIZES, Layout
from imagetl_assets.images.window import Window

_MOST_VALUES = 1 << 20
_FEW_VALUES = 8
_BIG_ENDIAN = "big-endian BigTIFF"
_BLOCK = 64 * 1024  # bytes that are read at once

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES, _PLANAR, _SAMPLE_FORMAT = 277, 284, 339
_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT = 278, 322, 323
_OFFSETS, _LENGTHS = (273, 324), (279, 325)  # of strips, and of tiles
_WANTED = {
    *_OFFSETS,
    *_LENGTHS,
    *(_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT),
    *(_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION),
    *(_PHOTOMETRIC, _SAMPLES, _PLANAR, _SAMPLE_FORMAT),
}
_REDUCED_OR_MASK = 0b101  # bits of NewSubfileType
_OLD_REDUCED = 2  # of SubfileType
_SEPARATE, _UNCOMPRESSED = 2, 1

_PHOTOMETRICS = {
    **{0: "grey, white is 0", 1: "grey", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK"},
    **{6: "YCbCr", 8: "CIELAB", 9: "ICCLAB", 10: "ITULAB", 32803: "CFA", 32844: "LogL"},
    **{32845: "LogLuv", 34892: "LinearRaw"},
}
_NUMBERS = {1: "unsigned", 2: "signed", 3: "float", 4: "undefined", 5: "complex", 6: "complex"}
_COMPRESSIONS = {
    **{5: "LZW", 6: "old JPEG", 7: "JPEG", 8: "Deflate", 32773: "PackBits", 32946: "Deflate"},
    **{33003: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA"},
    **{34933: "PNG", 50000: "Zstandard", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL"},
}


@dataclass(frozen=True)
class Page:
    """A page of a TIFF, by the fields of its directory that matter here.

    Attributes:
        fields: the values of each, by its tag.
        kind: what the file is beside a usual TIFF, such as "big-endian BigTIFF"; mostly empty.
    """

    fields: dict[int, tuple[int, ...]]
    kind: str = ""

    def first(self, tag: int, default: int) -> int:
        """Return the first value of a field."""
        return (self.fields.get(tag) or (default,))[0]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.first(_WIDTH, 0), self.first(_HEIGHT, 0)

    @property
    def is_shown(self) -> bool:
        """Whether it is an image, not a smaller one or a mask of another."""
        if _NEW_SUBFILE_TYPE in self.fields:
            return not self.first(_NEW_SUBFILE_TYPE, 0) & _REDUCED_OR_MASK
        return self.first(_SUBFILE_TYPE, 1) != _OLD_REDUCED

    @property
    def has_deep_planes(self) -> bool:
        """Whether it has more than 8 bits, not compressed, and each channel for itself."""
        separate = self.first(_PLANAR, 1) == _SEPARATE and self.first(_SAMPLES, 1) > 1
        return separate and self.first(_BITS, 1) > 8 and self.compression == _UNCOMPRESSED

    @property
    def compression(self) -> int:
        """The number of the compression."""
        return self.first(_COMPRESSION, _UNCOMPRESSED)

    @property
    def is_big_endian_bigtiff(self) -> bool:
        """Whether it is of the kind of BigTIFF that few programs can read."""
        return self.kind == _BIG_ENDIAN

    @property
    def parts(self) -> list[tuple[int, int]]:
        """Where the strips or tiles of its pixels are in the file, and their lengths in bytes."""
        offsets, lengths = (
            next((self.fields[tag] for tag in tags if tag in self.fields), ())
            for tags in (_OFFSETS, _LENGTHS)
        )
        return list(zip(offsets, lengths, strict=False))

    @property
    def most_bytes(self) -> int:
        """How many bytes its pixels have at most, with what fills up its strips or tiles."""
        width, height = self.size
        rows = self.first(_ROWS_PER_STRIP, 0)  # that may be any large number for a single strip
        wide = _filled(width, self.first(_TILE_WIDTH, 0))
        high = _filled(height, self.first(_TILE_HEIGHT, 0) or (rows if rows < height else 0))
        return wide * high * self.first(_SAMPLES, 1) * max(8, self.first(_BITS, 1)) // 8

    def __str__(self) -> str:
        """Return what it is, for people."""
        number = _NUMBERS.get(self.first(_SAMPLE_FORMAT, 1), "unknown")
        photometric = self.first(_PHOTOMETRIC, 1)
        parts = [
            _PHOTOMETRICS.get(photometric, f"colours of kind {photometric}"),
            f"{self.first(_SAMPLES, 1)} x {self.first(_BITS, 1)} bits {number}",
        ]
        if self.compression != _UNCOMPRESSED:
            name = _COMPRESSIONS.get(self.compression, f"method {self.compression}")
            parts.append(f"compressed with {name}")
        return ", ".join([*parts, self.kind] if self.kind else parts)


def _filled(length: int, part: int) -> int:
    """Return a side of an image that is made of whole parts with this side; 0 is as the image."""
    return -(-length // part) * part if part else length


def pages(file: BinaryIO) -> list[Page]:
    """Return the pages of a TIFF, in the order of their directories.

    Raises:
        ImageError: a directory is damaged, or they are too large.
    """
    window = Window(file, _BLOCK)
    layout, first = KINDS.get(window.peek(0, 4), (None, 0))
    if layout is None:
        raise ImageError("it is no TIFF", 0)
    big = "BigTIFF" if layout.pointer == "Q" else ""
    kind = _BIG_ENDIAN if big and layout.order == ">" else big
    (at,) = layout.numbers(layout.pointer, window.read(first, layout.size(layout.pointer)))
    directories = _Directories(window, layout)
    found: list[Page] = []
    seen = {0}
    while at not in seen:
        seen.add(at)
        fields, at = directories.read(at)
        found.append(Page(fields, kind))
    file.seek(0)
    return found


def shown(found: list[Page]) -> list[int]:
    """Return the numbers of the pages that are to be shown; all of them if none is."""
    return [number for number, page in enumerate(found) if page.is_shown] or [0]


class _Directories:
    """Reads the directories of a TIFF, but not more than any real file has."""

    def __init__(self, window: Window, layout: Layout) -> None:
        self._window = window
        self._layout = layout
        self._values = 0

    def read(self, at: int) -> tuple[dict[int, tuple[int, ...]], int]:
        """Return the fields of the directory at this offset, and where the next one is."""
        layout, window = self._layout, self._window
        size = layout.size(layout.count)
        (count,) = layout.numbers(layout.count, window.read(at, size))
        following = at + size + count * layout.size(f"HH{layout.pointer}{layout.pointer}")
        fields = dict(self._fields(at + size, following))
        after = window.read(following, layout.size(layout.pointer))
        return fields, layout.numbers(layout.pointer, after)[0]

    def _fields(self, start: int, end: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        layout, window = self._layout, self._window
        formats = f"HH{layout.pointer}"
        head, room = layout.size(formats), layout.size(layout.pointer)
        for place in range(start, end, head + room):
            tag, kind, values = layout.numbers(formats, window.read(place, head))
            self._count(1, place)
            if tag not in _WANTED or kind not in INTEGERS:
                continue
            # Of a value for each channel, those of a few are enough.
            taken = values if tag in _OFFSETS + _LENGTHS else min(values, _FEW_VALUES)
            self._count(taken, place)
            at = place + head
            if values * SIZES[kind] > room:
                (at,) = layout.numbers(layout.pointer, window.read(at, room))
            data = window.read(at, taken * SIZES[kind])
            yield tag, layout.numbers(f"{taken}{INTEGERS[kind]}", data)

    def _count(self, values: int, at: int) -> None:
        self._values += values
        if self._values > _MOST_VALUES:
            raise ImageError("the TIFF directories are too large", at)
