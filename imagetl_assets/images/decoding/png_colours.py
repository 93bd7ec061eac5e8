"""The colours of a PNG without an ICC profile: its chunks sRGB, gAMA and cHRM.

As in browsers, sRGB comes before the others, and what is nearly that of sRGB is taken for it.
Sources: https://www.w3.org/TR/png-3/, sections 11.3.2.1, 11.3.2.2 and 11.3.2.5, and ICC.1:2022.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

# The white point and the primaries of sRGB as in cHRM, and its gamma as in gAMA.
_SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_GAMMA = 1 / 2.2
_NEAR_GAMMA = 0.05  # a share, which is that of libpng
_NEAR_PRIMARY = 0.005
_GAMMAS = 0.01, 10  # those that are no mistake

# The curve of sRGB as the parameters of an ICC curve of type 3, and the white point of ICC, D50.
_SRGB_CURVE = 3, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def png_profile(info: Mapping[Any, Any]) -> bytes | None:
    """Return the ICC profile that says the same as the chunks of a PNG, if that is not sRGB.

    Args:
        info: of a picture, as Pillow gives it.
    """
    gamma, primaries = info.get("gamma"), info.get("chromaticity")
    if "srgb" in info or (gamma is None and primaries is None):
        return None
    if gamma is None or abs(gamma / _GAMMA - 1) < _NEAR_GAMMA or not _usable(gamma):
        gamma = None
    if primaries is None or _near(primaries):
        primaries = None
    if gamma is None and primaries is None:
        return None
    return _profile(gamma, tuple(primaries or _SRGB))


def _usable(gamma: float) -> bool:
    least, most = _GAMMAS
    return least <= gamma <= most


def _near(primaries: Sequence[float]) -> bool:
    """Tell whether the primaries are nearly those of sRGB."""
    return all(abs(a - b) < _NEAR_PRIMARY for a, b in zip(primaries, _SRGB, strict=True))


@lru_cache(maxsize=16)
def _profile(gamma: float | None, primaries: tuple[float, ...]) -> bytes | None:
    """Return an ICC profile of version 4; None if the primaries make no sense."""
    import numpy as np

    try:
        colorants = _colorants(primaries)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return None
    if not np.isfinite(colorants).all() or np.abs(colorants).max() > 4:
        return None
    curve = _SRGB_CURVE if gamma is None else (0, (1 / gamma,))
    tags = {b"wtpt": _xyz(_D50)}
    for letter, column in zip("rgb", colorants.T, strict=True):
        tags[f"{letter}XYZ".encode()] = _xyz(column)
        tags[f"{letter}TRC".encode()] = _curve(*curve)
    return _icc(tags)


def _colorants(primaries: tuple[float, ...]) -> Any:
    """Return red, green and blue as columns of X, Y and Z (3, 3), for the white point D50."""
    import numpy as np

    white, *colours = [
        np.array([x / y, 1, (1 - x - y) / y])
        for x, y in zip(primaries[::2], primaries[1::2], strict=True)
    ]
    columns = np.stack(colours, 1)
    columns = columns * np.linalg.solve(columns, white)
    cones = np.array(_BRADFORD)
    scale = (cones @ np.array(_D50)) / (cones @ white)
    return np.linalg.inv(cones) @ np.diag(scale) @ cones @ columns


def _icc(tags: Mapping[bytes, bytes]) -> bytes:
    """Return a profile of a screen with these tags."""
    at = 132 + 12 * len(tags)
    table, data = [struct.pack(">I", len(tags))], []
    for signature, content in tags.items():
        table.append(struct.pack(">4sII", signature, at, len(content)))
        data.append(content)
        at += len(content)
    head = struct.pack(">I4sI4s4s4s", at, b"", 0x04000000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
    head = head.ljust(68, b"\0") + _numbers(_D50)
    return head.ljust(128, b"\0") + b"".join(table + data)


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + _numbers(values)


def _curve(kind: int, parameters: Sequence[float]) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _numbers(parameters)


def _numbers(values: Sequence[float]) -> bytes:
    """Return numbers as ICC writes them, with 16 bits after the point."""
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)
