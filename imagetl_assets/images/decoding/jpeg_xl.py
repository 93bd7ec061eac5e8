"""What has to be known of a JPEG XL before its plugin decodes all of it at once: its size.

Source: ISO/IEC 18181-1, annex D.3.1 (SizeHeader), and 18181-2 (the container).
"""

from __future__ import annotations

from imagetl_assets.images.errors import ImageError

_SIGNATURE = b"\xff\x0a"
_CODESTREAM, _PART = b"jxlc", b"jxlp"
_MOST = 64  # bytes that are looked at

# The width is the height times one of these; or it is told, for the first one.
_RATIOS = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_LENGTHS = 9, 13, 18, 30  # bits of a side


def size(data: bytes) -> tuple[int, int]:
    """Return width and height of a JPEG XL. Raises ImageError if they cannot be told."""
    start = _start(data)
    bits = _Bits(data[start + len(_SIGNATURE) : start + _MOST])
    small = bits.take(1)
    height = _side(bits, small)
    ratio = bits.take(3)
    if not ratio:
        return _side(bits, small), height
    share, of = _RATIOS[ratio]
    return height * share // of, height


def _start(data: bytes) -> int:
    """Return where the codestream begins, or its first part."""
    at = 0
    while not data.startswith(_SIGNATURE, at):
        length, type = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        head = 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if type in (_CODESTREAM, _PART):
            at += head + (4 if type == _PART else 0)
            if data.startswith(_SIGNATURE, at):
                break
            length = 0
        if length < head:
            raise ImageError("the JPEG XL has no codestream", at)
        at += length
    return at


def _side(bits: _Bits, small: int) -> int:
    if small:
        return (bits.take(5) + 1) * 8
    return bits.take(_LENGTHS[bits.take(2)]) + 1


class _Bits:
    """Bits, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._left = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        """Return the next bits as a number."""
        taken = self._left & ((1 << count) - 1)
        self._left >>= count
        return taken
