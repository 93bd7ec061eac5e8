"""PNGs and animated PNGs written by hand, of kinds that Pillow does not write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, RGBA = 0, 2, 6


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def with_chunks(data: bytes, **added: bytes) -> bytes:
    """A PNG with more chunks after IHDR."""
    parts = b"".join(chunk(kind.encode(), content) for kind, content in added.items())
    return data[:33] + parts + data[33:]


def header(size: tuple[int, int], bits: int, colour_type: int) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colour_type, 0, 0, 0))


def png(samples: Any, bits: int, colour_type: int, transparent: Sequence[int] = ()) -> bytes:
    """A PNG of samples (rows, columns, channels) with so many bits each."""
    rows, columns = samples.shape[:2]
    trns = chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent))
    return b"".join([
        SIGNATURE,
        header((columns, rows), bits, colour_type),
        trns if transparent else b"",
        chunk(b"IDAT", pixels(samples, bits)),
        chunk(b"IEND", b""),
    ])  # fmt: skip


def pixels(samples: Any, bits: int) -> bytes:
    """The content of IDAT, without filters."""
    lines = []
    for row in samples.reshape(len(samples), -1):
        if bits == 16:
            lines.append(row.astype(">u2").tobytes())
        else:
            ones = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :]
            lines.append(np.packbits(ones).tobytes())
    return zlib.compress(b"".join(b"\0" + line for line in lines))


class Image(NamedTuple):
    """An image of an animated PNG, with 8 bits a channel (rows, columns, 4)."""

    pixels: Any
    left: int = 0
    top: int = 0
    disposal: int = 0
    blend: int = 0
    delay: int = 1


def apng(size: tuple[int, int], images: Sequence[Image], still: Any = None) -> bytes:
    """An animated PNG. `still` is shown only by what cannot animate; the first image else."""
    parts = [SIGNATURE, header(size, 8, RGBA)]
    parts.append(chunk(b"acTL", struct.pack(">II", len(images), 0)))
    number = 0
    if still is not None:
        parts.append(chunk(b"IDAT", pixels(still, 8)))
    for image in images:
        rows, columns = image.pixels.shape[:2]
        place = columns, rows, image.left, image.top, image.delay, 10
        control = struct.pack(">IIIIIHHBB", number, *place, image.disposal, image.blend)
        parts.append(chunk(b"fcTL", control))
        number += 1
        if len(parts) == 4 and still is None:
            parts.append(chunk(b"IDAT", pixels(image.pixels, 8)))
        else:
            content = struct.pack(">I", number) + pixels(image.pixels, 8)
            parts.append(chunk(b"fdAT", content))
            number += 1
    return b"".join([*parts, chunk(b"IEND", b"")])
