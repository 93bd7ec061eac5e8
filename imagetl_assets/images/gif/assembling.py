"""Write an animation of the images of many GIFs, by copying their compressed data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.gif.blocks import LOOP, SCREEN, SIGNATURES, image_bytes, image_head
from imagetl_assets.images.gif.first_image import prepare
from imagetl_assets.images.gif.layout import KEEP, TO_BACKGROUND, TO_PREVIOUS, GifImage, GifLayout
from imagetl_assets.images.gif.screens import Screen
from imagetl_assets.images.gif.timing import delays
from imagetl_assets.images.time_limit import check_time


class Writable(Protocol):
    """A file that is written from start to end."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Append the data."""


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What was written.

    Attributes:
        frames: number of images.
        width: of the screen, in pixels.
        height: of the screen, in pixels.
        bytes: length of the file.
        duration_ms: how long all images are shown, in milliseconds, as the file says.
    """

    frames: int
    width: int
    height: int
    bytes: int
    duration_ms: int


def assemble(
    frames: Iterable[tuple[GifLayout, bytes | memoryview]],
    out: Writable,
    *,
    screen: Screen,
    duration_ms: float | Sequence[float] = 100,
    loop: int | None = 0,
) -> ClipInfo:
    """Write one animation of all images of all frames, in order.

    Args:
        frames: each GIF's layout and bytes. They are taken one at a time and not kept.
        out: anything with `write`, local or remote.
        screen: the `screen_size` of the same layouts.
        duration_ms: how long each image is shown: one number for all, or one for each image of all
            frames. What rounding to hundredths of a second takes from one is added to the next.
        loop: the NETSCAPE2.0 repeat count: 0 for ever, n for n repetitions after the first
            showing (as browsers count them), None to play once.

    Every image keeps its compressed data, colour table, rectangle, interlacing and transparent
    index. It shows what it shows alone on a transparent screen: where `screen.clear`, each image is
    removed before the next. Comments and application extensions are not copied.

    Raises:
        ImageError: there are no images, or bytes that do not fit their layout.
        ValueError: a duration or loop count that GIF cannot hold.
    """
    times = delays(duration_ms)
    counted = _Counted(out)
    counted.write(SCREEN.pack(SIGNATURES[1], screen.width, screen.height, 0x70, 0, 0))
    if loop is not None:
        counted.write(_loop(loop))
    count = shown_for = 0
    for layout, source in frames:
        check_time()
        for image in layout.images:
            table, data = image_bytes(image, source)
            if not count:
                image, table, data = prepare(image, table, data, clear=screen.clear)
            delay = next(times)
            shown_for += delay * 10
            shown = replace(image, delay=delay, disposal=_disposal(image, screen))
            counted.write(image_head(shown, table))
            counted.write(data)
            count += 1
    if not count:
        raise ImageError("there are no images to make an animation of")
    counted.write(b";")
    return ClipInfo(count, screen.width, screen.height, counted.bytes, shown_for)


class _Counted:
    """Passes on what is written and counts its bytes."""

    def __init__(self, out: Writable) -> None:
        self._out = out
        self.bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        self._out.write(data)
        self.bytes += len(data)


def _loop(count: int) -> bytes:
    if not 0 <= count <= 0xFFFF:
        raise ValueError(f"loop must be within 0 and 65,535, not {count}")
    return LOOP.pack(b"!\xff\x0b", b"NETSCAPE2.0", 3, 1, count, 0)


def _disposal(image: GifImage, screen: Screen) -> int:
    """Choose how an image leaves the screen, so that the next is drawn on an empty one.

    Browsers take "restore to background" as "make transparent". Some decoders do so only if the
    image has a transparent index; for those without one, "restore to previous" is used, which is
    the empty screen for all decoders.
    """
    if not screen.clear:
        return KEEP
    return TO_BACKGROUND if image.transparent >= 0 else TO_PREVIOUS
