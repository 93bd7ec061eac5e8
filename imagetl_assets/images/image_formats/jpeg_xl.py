"""JPEG XL: ISO/IEC 18181-1 and -2.

It is in a container of boxes, or a codestream alone, which does not say how long it is: it ends at
the next separator. Such a codestream begins with two bytes only, so it is looked for only where an
image is expected.
"""

from __future__ import annotations

from imagetl_assets.images.image_formats.boxes import end_at_separator, end_of_boxes
from imagetl_assets.images.image_formats.format import ImageFormat
from imagetl_assets.images.window import Window

_CODESTREAM = b"\xff\x0a"
_FIRST = (b"JXL ", b"ftyp")
_OTHERS = frozenset(
    (b"jxll", b"jxlc", b"jxlp", b"jxli", b"jbrd", b"jhgm", b"brob", b"Exif", b"xml ", b"jumb")
)


def _end(window: Window, pos: int) -> int:
    if window.peek(pos, 2) == _CODESTREAM:
        return end_at_separator(window, pos)
    return end_of_boxes(window, pos, _FIRST, _OTHERS)


_BARE = rb"\xff\x0a(?!\n\n\n)"
_CONTAINER = rb"\0\0\0\x0cJXL \r\n\x87\n"

JXL = ImageFormat(_CONTAINER + b"|" + _BARE, _end, plugin="pillow_jxl", searched_for=_CONTAINER)
