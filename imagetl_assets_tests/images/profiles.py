"""ICC profiles written by hand, so that the tests do not trust the code they test."""

from __future__ import annotations

import struct
from collections.abc import Sequence

# Red, green and blue of sRGB as X, Y and Z for the white point D50, from the profile of the W3C.
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def icc(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile of version 2 for colours of this space, such as `b"RGB "`."""
    at = 132 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, at + len(data), len(content))
        data += content
    head = struct.pack(
        ">I4xI4s4s4s12x4s", at + len(data), 0x02400000, b"mntr", space, b"XYZ ", b"acsp"
    )
    head = head.ljust(68, b"\0") + xyz((0.9642, 1, 0.8249))[8:]
    return head.ljust(128, b"\0") + table + data


def xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def gamma(value: float) -> bytes:
    """A curve, as a number with eight bits after the point."""
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"


def rgb_profile(primaries: Sequence[Sequence[float]] = SRGB, power: float = 2.2) -> bytes:
    tags = {b"wtpt": xyz((0.9642, 1, 0.8249))}
    for letter, primary in zip("rgb", primaries, strict=True):
        tags |= {f"{letter}XYZ".encode(): xyz(primary), f"{letter}TRC".encode(): gamma(power)}
    return icc(b"RGB ", tags)


def grey_profile(power: float) -> bytes:
    return icc(b"GRAY", {b"wtpt": xyz((0.9642, 1, 0.8249)), b"kTRC": gamma(power)})


RED_AND_GREEN_EXCHANGED = rgb_profile((SRGB[1], SRGB[0], SRGB[2]))
