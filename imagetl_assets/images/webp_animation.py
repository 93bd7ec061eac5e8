"""An animated WebP of still ones, whose compressed pictures are copied as they are.

Encoders of animations compress one picture after the other, each as its difference from the one
before. Still pictures can be compressed at the same time.

The format: RFC 9649, section 2.7.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_HEAD = 12  # RIFF, its length, WEBP
_ANIMATION = 0b10
_WHITE = b"\xff\xff\xff\xff"
_FOR_EVER = 0
_OPAQUE = 0b10  # it replaces what was shown before
_LONGEST_MS = 2**24 - 1


def animation(stills: Sequence[bytes], size: tuple[int, int], duration_ms: int) -> bytes:
    """Return an animation that is repeated for ever.

    Args:
        stills: WebPs in the simple lossy format, which are opaque, all of this size.
        size: width and height, in pixels.
        duration_ms: how long each is shown; what the format cannot tell is cut to four hours.
    """
    width, height = (_int24(side - 1) for side in size)
    place = (
        _int24(0) * 2 + width + height + _int24(min(duration_ms, _LONGEST_MS)) + bytes([_OPAQUE])
    )
    chunks = [
        _chunk(b"VP8X", bytes([_ANIMATION, 0, 0, 0]) + width + height),
        _chunk(b"ANIM", _WHITE + struct.pack("<H", _FOR_EVER)),
        *(_chunk(b"ANMF", place + still[_HEAD:]) for still in stills),
    ]
    return _chunk(b"RIFF", b"WEBP" + b"".join(chunks))


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _int24(number: int) -> bytes:
    return number.to_bytes(3, "little")
