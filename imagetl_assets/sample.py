"""A synthetic bundle of images: the same bytes wherever it is made, at any size.

It shows waves of colour that come back to where they began after `ROUND` frames. Only these are
drawn and encoded. Longer bundles repeat them; each frame has its number in a comment, so that no
two have the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from typing import BinaryIO

SEPARATOR = b"\n\n\n\n"
ROUND = 48
"""Frames after which the picture repeats."""


def write_sample(out: BinaryIO, frames: int, *, width: int = 320, height: int = 240) -> None:
    """Write a bundle of this many GIF frames of `width` x `height` pixels, one at a time."""
    for number in range(frames):
        if number:
            out.write(SEPARATOR)
        out.write(_frame(number, width, height))


def sample_bytes(frames: int) -> bytes:
    """Return a small bundle as bytes."""
    out = BytesIO()
    write_sample(out, frames)
    return out.getvalue()


def _frame(number: int, width: int, height: int) -> bytes:
    picture = _picture(number % ROUND, width, height)
    text = f"imagetl sample, frame {number}".encode()
    # A comment extension goes before the trailer, which is the last byte.
    return b"".join((picture[:-1], b"!\xfe", bytes([len(text)]), text, b"\0;"))


@lru_cache(maxsize=ROUND)
def _picture(step: int, width: int, height: int) -> bytes:
    """Return the GIF of one step of the round."""
    import numpy as np
    from PIL import Image

    phase = 2 * np.pi * step / ROUND
    y, x = np.mgrid[0:height, 0:width]
    x, y = x / width - 0.5, y / height - 0.5
    waves = (
        np.sin(12 * x + phase)
        + np.sin(9 * (x * np.sin(phase) + y * np.cos(phase)))
        + np.sin(16 * np.hypot(x + 0.3 * np.cos(phase), y + 0.3 * np.sin(phase)) - phase)
    )
    # With only 64 steps, rounding errors, which differ from machine to machine, change no pixel.
    indices = np.clip(np.rint((waves + 3) / 6 * 63), 0, 63).astype(np.uint8)
    image = Image.fromarray(indices, mode="P")
    image.putpalette(_palette())
    out = BytesIO()
    image.save(out, "GIF", optimize=False)
    return out.getvalue()


def _palette() -> list[int]:
    """Return 64 colours from deep blue over orange to pale yellow."""
    return list(_colours())


def _colours() -> Iterator[int]:
    for i in range(64):
        t = i / 63
        yield round(255 * min(1, 1.6 * t))
        yield round(255 * t * t)
        yield round(255 * (0.35 + 0.45 * abs(t - 0.5)))
