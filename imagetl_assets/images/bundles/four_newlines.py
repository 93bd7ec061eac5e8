"""Encoded images one after the other, with four newlines between them.

Strategy: each image is asked for its own end (`image_formats`), so newlines within its data do not
cut it; the separator is looked for only from there on. Bytes between the end of an image and the
next separator stay with the image, as decoders ignore them. Newlines at the start and at the end of
the bundle, and more than four between two images, hold nothing.

A damaged image must not take its neighbours along. An image that was cut short can by chance seem
to end at the end of a later image, and nothing in its own structure shows that. So an image is also
damaged if another one begins inside it, right after a separator, and ends at the same place.
"""

from __future__ import annotations

from collections.abc import Iterator

from imagetl_assets.images import image_formats
from imagetl_assets.images.bundles.kind import DamagedFrame, FrameSpan
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.window import Window

SEPARATOR = b"\n\n\n\n"

# To find the end of a damaged image, bytes after it may be read in vain, and for all damaged images
# together at most so many: a number of bytes, and a multiple of the bytes that these images have.
# In a file that was made so that every image overlaps every other, the search is given up there.
_MOST_READ_IN_VAIN = 64 * 1024 * 1024
_MOST_TIMES_READ_IN_VAIN = 16


class FourNewlines:
    """The kind of bundle that the project was made for."""

    def recognises(self, head: bytes) -> bool:
        """Tell whether an image begins there, after any newlines."""
        return image_formats.sniff(head.lstrip(b"\n")) is not None

    def pieces(self, window: Window) -> Iterator[FrameSpan | DamagedFrame]:
        """Yield all pieces in order, damaged ones included."""
        number = in_vain = 0
        pos = window.skip_newlines(0)
        while pos < window.size:
            window.settle(pos)
            try:
                format, end = _image_at(window, pos)
                if _cut_short(window, pos, end):
                    raise ImageError("the image is cut short: another begins inside it", end)
            except ImageError as error:
                noticed = pos if error.offset is None else error.offset
                end = _next_piece(window, pos, noticed)
                in_vain += max(0, noticed - end)
                if in_vain > _MOST_READ_IN_VAIN + _MOST_TIMES_READ_IN_VAIN * end:
                    end = window.size
                yield DamagedFrame(number, pos, end - pos, str(error))
            else:
                yield FrameSpan(number, pos, end - pos, format)
            number += 1
            pos = window.skip_newlines(end)


def _image_at(window: Window, pos: int) -> tuple[str, int]:
    """Return the format and the end of the piece at `pos`. Raises ImageError if it is damaged."""
    name = image_formats.sniff(window.peek(pos, image_formats.SNIFFED))
    if name is None:
        first = window.peek(pos, 8).hex(" ")
        raise ImageError(f"no known image format begins with the bytes {first}", pos)
    format = image_formats.FORMATS[name]
    end = format.end(window, pos)
    after = window.skip_newlines(end)
    if after - end >= len(SEPARATOR) or after == window.size:
        return name, end
    if format.exact and (other := _format_at(window, after)):
        raise ImageError(f"a {other} image follows without the four newlines between", after)
    end = window.find(SEPARATOR, end, window.size)
    return name, window.size if end < 0 else end


def _cut_short(window: Window, pos: int, end: int) -> bool:
    """Tell whether the image `pos`..`end` took its end from a later image, which is whole."""
    last = -1
    at = pos
    while (at := window.find(SEPARATOR, at, end)) >= 0:
        at = window.skip_newlines(at)
        if at < end and _format_at(window, at):
            last = at
    if last < 0:
        return False
    try:
        return _image_at(window, last)[1] == end
    except ImageError:
        return False


def _next_piece(window: Window, pos: int, noticed: int) -> int:
    """Return where the damaged image at `pos` ends: at a separator, or with the file.

    Up to where the damage was noticed the image may hold newlines of its own, so a separator
    counts there only if an image follows it.
    """
    at = pos
    while (end := window.find(SEPARATOR, at, window.size)) >= 0:
        at = window.skip_newlines(end)
        if end >= noticed or at == window.size or _format_at(window, at):
            return end
    return window.size


def _format_at(window: Window, pos: int) -> str | None:
    """Return the format of the image that begins at `pos`, or None if none does."""
    return image_formats.sniff(window.peek(pos, image_formats.SNIFFED))
