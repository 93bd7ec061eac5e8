"""GIF without pixels: take a GIF apart into ranges, and join the ranges into one animation.

Strategy: the compressed image data of a GIF stands alone. Given its colour table and its rectangle
it can be moved into another GIF byte for byte, so an animation is made at the speed of copying.
`walk` is the one reader of the block structure (GIF89a specification, sections 15 to 27 and the
grammar in appendix B): the bundle scanner uses it to learn where a GIF ends, `parse` to keep what
copying needs. `assemble` writes. Checking the pixels themselves is left to Pillow (`check_pixels`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.window import Window

if TYPE_CHECKING:
    import PIL.Image

SIGNATURES = (b"GIF87a", b"GIF89a")
GREY = bytes(value for grey in range(256) for value in (grey, grey, grey))
"""The colour table of a GIF that has none, as decoders take it."""

_SCREEN = Struct("<6sHHBBB")
_CONTROL = Struct("<3sBHBB")
_IMAGE = Struct("<BHHHHB")
_LOOP = Struct("<3s11sBBHB")

_EXTENSION, _IMAGE_SEPARATOR, _TRAILER = b"!,;"
_CONTROL_LABEL = 0xF9
_FULL_SUB_BLOCKS = b"\xff" * 64, b"\xff" * 8
"""The first bytes of so many sub-blocks of full length, which are 256 bytes apart."""
_TABLE_LENGTHS = {0, *(3 << bits for bits in range(1, 9))}
NO_DISPOSAL, KEEP, TO_BACKGROUND, TO_PREVIOUS = range(4)


class GifImage(NamedTuple):
    """One image of a GIF: how it is shown, and where its bytes are, counted from the GIF's start.

    `transparent` is -1 if no index is; `delay` is in hundredths of a second; `palette_length` is 0
    if there is no colour table at all. The data begin with the LZW code size and end with the
    block terminator.
    """

    left: int
    top: int
    width: int
    height: int
    interlaced: int
    palette_offset: int
    palette_length: int
    transparent: int
    delay: int
    disposal: int
    data_offset: int
    data_length: int

    @property
    def corner(self) -> tuple[int, int]:
        """The position after the lower right pixel."""
        return self.left + self.width, self.top + self.height

    def covers(self, width: int, height: int) -> bool:
        """Tell whether this image leaves nothing to be seen of what was on the screen before."""
        return (
            self.transparent < 0
            and self.left == self.top == 0
            and self.width >= width
            and self.height >= height
        )

    def sound(self) -> bool:
        """Tell whether a GIF could hold such an image."""
        left, top, width, height, interlaced, table, length, index, delay, disposal, *data = self
        return (
            0 <= left < left + width <= 0xFFFF
            and 0 <= top < top + height <= 0xFFFF
            and 0 <= interlaced <= 1
            and length in _TABLE_LENGTHS
            and -1 <= index <= 0xFF
            and 0 <= delay <= 0xFFFF
            and 0 <= disposal <= 7
            and min(table, *data) >= 0
        )


@dataclass(frozen=True, slots=True)
class GifLayout:
    """What is needed to copy the images of one GIF without parsing it again."""

    width: int
    height: int
    images: tuple[GifImage, ...]

    def to_json(self) -> list[int]:
        """Return a flat list: width, height, then the twelve fields of each image."""
        return [self.width, self.height, *chain.from_iterable(self.images)]

    @classmethod
    def from_json(cls, values: Sequence[int]) -> GifLayout:
        """Return the layout that `to_json` gave. Raises ImageError if it cannot be one."""
        fields = len(GifImage._fields)
        if set(map(type, values)) == {int} and len(values) % fields == 2:
            width, height = values[:2]
            images = tuple(GifImage(*values[i : i + fields]) for i in range(2, len(values), fields))
            if 0 <= width <= 0xFFFF >= height >= 0 and all(image.sound() for image in images):
                return cls(width, height, images)
        raise ImageError("not the layout of a GIF")


class Screen(NamedTuple):
    """The logical screen of an animation, in pixels.

    `clear` says that each image has to be taken off the screen before the next is shown, which is
    so unless every image covers all of the screen with opaque pixels.
    """

    width: int
    height: int
    clear: bool = True


class Writable(Protocol):
    """A file that is written from start to end."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Append the data."""


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What was written: number of images, screen size in pixels, and length in bytes."""

    frames: int
    width: int
    height: int
    bytes: int


def walk(window: Window, pos: int, found: Callable[[GifImage], object] | None = None) -> int:
    """Check the block structure of the GIF at `pos` and return the position after its trailer.

    `found` is called with each image in order. Time is at most that of one step per sub-block (at
    most 255 bytes), memory is that of the window.

    Raises:
        ImageError: this is not a complete GIF, with the position where that was noticed.
    """
    signature, _, _, flags, _, _ = _SCREEN.unpack(window.read(pos, _SCREEN.size))
    if signature not in SIGNATURES:
        raise ImageError("this is not a GIF", pos)
    table = _SCREEN.size, _table_length(flags)
    at = pos + sum(table)
    window.index(at)
    images = 0
    transparent, delay, disposal = -1, 0, NO_DISPOSAL
    while True:
        introducer = window.byte(at)
        if introducer == _EXTENSION:
            if window.byte(at + 1) == _CONTROL_LABEL:
                _, control, delay, index, end = _CONTROL.unpack(window.read(at, _CONTROL.size))
                if window.byte(at + 2) != 4 or end:
                    raise ImageError("a graphic control extension has the wrong size", at)
                transparent = index if control & 1 else -1
                disposal = control >> 2 & 7
                at += _CONTROL.size
            else:
                at = _skip_sub_blocks(window, at + 2)
        elif introducer == _IMAGE_SEPARATOR:
            _, left, top, across, down, flags = _IMAGE.unpack(window.read(at, _IMAGE.size))
            if not (across and down):
                raise ImageError("an image has no pixels", at)
            if left + across > 0xFFFF or top + down > 0xFFFF:
                raise ImageError("an image reaches beyond 65,535 pixels", at)
            local = at - pos + _IMAGE.size, _table_length(flags)
            data = pos + sum(local)
            if not 1 <= window.byte(data) <= 8:
                raise ImageError("the image data have an impossible code size", data)
            at = _skip_sub_blocks(window, data + 1)
            images += 1
            if found:
                used = local if local[1] else table if table[1] else (0, 0)
                found(
                    GifImage(
                        left, top, across, down, flags >> 6 & 1, *used,
                        transparent, delay, disposal, data - pos, at - data,
                    )
                )  # fmt: skip
            transparent, delay, disposal = -1, 0, NO_DISPOSAL
        elif introducer == _TRAILER:
            if not images:
                raise ImageError("the GIF has no image", at)
            return at + 1
        else:
            raise ImageError(f"no GIF block begins with the byte 0x{introducer:02x}", at)


def _table_length(flags: int) -> int:
    """Return the length in bytes of the colour table that these flags announce (section 18)."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_sub_blocks(window: Window, pos: int) -> int:
    """Return the position after the sub-blocks at `pos` and their terminator (sections 15, 16).

    Encoders fill all sub-blocks but the last, so many are looked at together.
    """
    while True:
        i = window.index(pos)
        data = window.data
        for full in _FULL_SUB_BLOCKS:
            length = 256 * len(full)
            while data[i : i + length : 256] == full:
                i += length
        try:
            while size := data[i]:
                i += size + 1
        except IndexError:
            pos = window.start + i
        else:
            return window.start + i + 1


def parse(data: bytes | memoryview) -> GifLayout:
    """Take a GIF apart; bytes after its trailer are left alone, as decoders do.

    Raises:
        ImageError: this is not a complete GIF, with the offset where that was noticed.
    """
    images: list[GifImage] = []
    walk(Window.over(data), 0, images.append)
    width, height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    return GifLayout(width, height, tuple(images))


def check_pixels(data: bytes | memoryview, layout: GifLayout | None = None) -> None:
    """Decode every image and throw the pixels away.

    Raises:
        ImageError: image data that are damaged or hold fewer pixels than the image has.
    """
    for image in (layout or parse(data)).images:
        pixels(image, *ranges(image, data))


def pixels(image: GifImage, table: bytes, data: bytes | memoryview) -> PIL.Image.Image:
    """Decode one image to its colour indices: a Pillow image of mode P or L, of the image's size.

    Raises:
        ImageError: image data that are damaged or hold fewer pixels than the image has.
    """
    from PIL import Image

    alone = image._replace(left=0, top=0, transparent=-1)
    screen = _SCREEN.pack(SIGNATURES[1], image.width, image.height, 0, 0, 0)
    # No trailer: a decoder that wants more than the image's own data finds nothing.
    source = io.BytesIO(b"".join((screen, _head(alone, table), data)))
    try:
        picture = Image.open(source, formats=["GIF"])
        picture.load()
    except Image.DecompressionBombError as error:
        raise ImageError(f"the image is too large: {error}", image.data_offset) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"the image data are damaged: {error}", image.data_offset) from error
    return picture


def screen_size(layouts: Iterable[GifLayout], *, deltas: bool = False) -> Screen:
    """Return the smallest screen that shows all of these, as `assemble` needs it.

    `deltas` says that each image is to be drawn over the one before (see `delta.delta`).
    """
    width = height = 0
    right = bottom = 0xFFFF
    opaque = True
    for layout in layouts:
        width, height = max(width, layout.width), max(height, layout.height)
        for image in layout.images:
            across, down = image.corner
            width, height = max(width, across), max(height, down)
            right, bottom = min(right, across), min(bottom, down)
            opaque = opaque and image.covers(across, down)
    covered = opaque and (right, bottom) == (width, height)
    return Screen(width, height, clear=not (covered or deltas))


def every_nth(layouts: Iterable[GifLayout], n: int) -> Iterator[GifLayout]:
    """Leave only every n-th image, counted over all layouts; a layout may keep none of its own."""
    if n < 1:
        raise ValueError(f"every must be at least 1, not {n}")
    seen = 0
    for layout in layouts:
        kept = layout.images[-seen % n :: n]
        seen += len(layout.images)
        yield GifLayout(layout.width, layout.height, kept)


def assemble(
    frames: Iterable[tuple[GifLayout, bytes | memoryview]],
    out: Writable,
    *,
    screen: Screen,
    duration_ms: float = 100,
    loop: int | None = 0,
) -> ClipInfo:
    """Write one animation of all images of all frames, in order, to a file that is only written.

    Args:
        frames: each GIF's layout and bytes. They are taken one at a time and not kept.
        out: anything with `write`, local or remote.
        screen: the `screen_size` of the same layouts.
        duration_ms: how long each image is shown, rounded to hundredths of a second.
        loop: the NETSCAPE2.0 repeat count: 0 for ever, n for n repetitions after the first
            showing (as browsers count them), None to play once.

    Every image keeps its compressed data, colour table, rectangle, interlacing and transparent
    index. What it shows is what it shows alone on a transparent screen: where `screen.clear`, each
    image is removed before the next. Comments and application extensions are not copied.

    Raises:
        ImageError: there are no images, or bytes that do not fit their layout.
        ValueError: a duration or loop count that GIF cannot hold.
    """
    from imagetl_assets.images import opening  # which needs this module, and numpy only at times

    delay = hundredths(duration_ms)
    if loop is not None and not 0 <= loop <= 0xFFFF:
        raise ValueError(f"loop must be within 0 and 65,535, not {loop}")
    written = 0

    def write(data: bytes | memoryview) -> None:
        nonlocal written
        out.write(data)
        written += len(data)

    write(_SCREEN.pack(SIGNATURES[1], screen.width, screen.height, 0x70, 0, 0))
    if loop is not None:
        write(_LOOP.pack(b"!\xff\x0b", b"NETSCAPE2.0", 3, 1, loop, 0))
    count = 0
    for layout, source in frames:
        for image in layout.images:
            table, data = ranges(image, source)
            if not count:
                image, table, data = opening.prepare(image, table, data, clear=screen.clear)
            write(_head(image._replace(delay=delay, disposal=_disposal(image, screen)), table))
            write(data)
            count += 1
    if not count:
        raise ImageError("there are no images to make an animation of")
    write(b";")
    return ClipInfo(count, screen.width, screen.height, written)


def hundredths(duration_ms: float) -> int:
    """Return a GIF delay for this many milliseconds. Raises ValueError if GIF cannot hold it."""
    if not 0 <= duration_ms <= 655_350:
        raise ValueError(f"a frame is shown for 0 to 655,350 milliseconds, not {duration_ms}")
    return int(duration_ms / 10 + 0.5)


def frame_duration(fps: float) -> float:
    """Return the milliseconds that a frame is shown for at `fps` frames a second."""
    if not fps > 0:
        raise ValueError(f"fps must be more than 0, not {fps}")
    return 1000 / fps


def _disposal(image: GifImage, screen: Screen) -> int:
    """Choose how an image leaves the screen, so that the next is drawn on an empty one.

    Browsers take "restore to background" as "make transparent", but some decoders only if the
    image has a transparent index; "restore to previous" is the empty screen for all of them.
    """
    if not screen.clear:
        return KEEP
    return TO_BACKGROUND if image.transparent >= 0 else TO_PREVIOUS


def ranges(image: GifImage, source: bytes | memoryview) -> tuple[bytes, bytes | memoryview]:
    """Return the colour table and the image data of an image."""
    view = memoryview(source)
    start, length = image.palette_offset, image.palette_length
    table = bytes(view[start : start + length]) if length else GREY
    data = view[image.data_offset : image.data_offset + image.data_length]
    if len(table) < length or len(data) < max(2, image.data_length) or data[-1]:
        raise ImageError("the frame is not the one that its layout describes", image.data_offset)
    return table, data


def _head(image: GifImage, table: bytes) -> bytes:
    """Return all of an image that goes before its data."""
    index = image.transparent
    flags = image.disposal << 2 | (index >= 0)
    bits = (len(table) // 3).bit_length() - 2
    control = _CONTROL.pack(b"!\xf9\x04", flags, image.delay, max(index, 0), 0)
    rectangle = _IMAGE.pack(_IMAGE_SEPARATOR, *image[:4], 0x80 | image.interlaced << 6 | bits)
    return b"".join((control, rectangle, table))
