"""Images that are made of boxes: AVIF, HEIF, JPEG XL and JPEG 2000, each in its container.

A box has a length, a type of four letters and a content. Sources: ISO/IEC 14496-12, section 4.2
(AVIF, HEIF), ISO/IEC 15444-1, annex I (JPEG 2000), and ISO/IEC 18181-2 (JPEG XL).
"""

from __future__ import annotations

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.window import Window

_SEPARATOR = b"\n\n\n\n"
_TO_THE_END, _LONG = 0, 1  # lengths with a meaning of their own
_PAYLOAD = {b"mdat", b"jp2c", b"jxlc", b"jxlp"}


def end_of_boxes(
    window: Window, pos: int, first: tuple[bytes, ...], others: frozenset[bytes]
) -> int:
    """Return the position after the boxes of the image at `pos`.

    Args:
        window: of the file.
        pos: where its first box is.
        first: the types of its first boxes. One of these begins another image later on.
        others: the types of the boxes that may follow, in any order.

    Raises:
        ImageError: a box is missing, has an impossible length, or goes beyond the file.
    """
    at, number, has_pixels = pos, 0, False
    while True:
        head = window.peek(at, 16)
        type = head[4:8]
        if number < len(first) and type != first[number]:
            raise ImageError("a box is not where it should be", at)
        if number >= len(first) and type not in others:
            break
        length = int.from_bytes(head[:4], "big")
        has_pixels |= type in _PAYLOAD
        if length == _TO_THE_END:
            return end_at_separator(window, at)
        if length == _LONG:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            raise ImageError("a box has an impossible length", at)
        window.index(at + length - 1)
        at, number = at + length, number + 1
    if not has_pixels:
        raise ImageError("there are no pixels where the boxes end", at)
    return at


def end_at_separator(window: Window, pos: int) -> int:
    """Return where the next separator begins, or where the file ends.

    That is where an image ends which does not say how long it is. If there are more than four
    newlines, those before the last four may belong to it.
    """
    at = window.find(_SEPARATOR, pos, window.size)
    if at < 0:
        return window.size
    return max(at, window.skip_newlines(at) - len(_SEPARATOR))
