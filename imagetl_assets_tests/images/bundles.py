"""Bundles of small images, and what is found in them."""

from __future__ import annotations

import io

from imagetl_assets.images.bundle import DamagedFrame, FrameSpan, find_frames
from imagetl_assets_tests.images.builders import SEPARATOR, Gif, Picture, one_of_each

EACH = one_of_each()

# What becomes of four newlines by a transfer in text mode, or in an editor.
ALTERATIONS = {
    "crlf": b"\r\n" * 4,
    "cr": b"\r" * 4,
    "mixed": b"\n\r\n\n\n",
    "spaces": b"\n \n \n \n",
    "tabs": b"\t\n\t\n\n\n",
    "cr crlf": b"\r\r\n" * 4,
}


def pieces(bundle: bytes, block_size: int = 1 << 20) -> list[FrameSpan | DamagedFrame]:
    return list(find_frames(io.BytesIO(bundle), block_size=block_size))


def contents(bundle: bytes, block_size: int = 1 << 20) -> list[bytes]:
    """The bytes of each piece; none may be damaged."""
    found = pieces(bundle, block_size)
    assert all(isinstance(piece, FrameSpan) for piece in found), found
    return [bundle[piece.offset : piece.offset + piece.length] for piece in found]


def with_newlines(comment: bytes = SEPARATOR) -> bytes:
    """A GIF with a separator in its comment, its colours and its pixels."""
    indices = b"\x0a" * 64
    image = Picture(8, 8, indices, b"\n" * 768, 8, comment=comment)
    return Gif(8, 8, [image], extensions=[(0xFE, b"text\n\n\n\nmore")]).encode()
