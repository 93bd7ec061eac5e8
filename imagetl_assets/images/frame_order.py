"""The order of frames, where it is not that of the bundle."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from msgspec.structs import replace

from imagetl_assets.images.bundle import DamagedFrame, FrameSpan
from imagetl_assets.images.errors import BundleError


def by_time(pieces: Iterable[FrameSpan | DamagedFrame]) -> list[FrameSpan | DamagedFrame]:
    """Return the pieces of a bundle in the order in which they were written, and numbered anew.

    Pieces of the same time stay in the order of the bundle. Damaged pieces, of which no time is
    told, come last.

    Raises:
        BundleError: the bundle does not tell the time of an image.
    """
    found = list(pieces)
    for piece in found:
        if isinstance(piece, FrameSpan) and piece.time is None:
            raise BundleError(
                f"it does not tell when image {piece.number} was written, so frames cannot be in "
                "that order (ZIP, TAR and folders tell it)"
            )
    return [replace(piece, number=i) for i, piece in enumerate(sorted(found, key=_time))]


def _time(piece: FrameSpan | DamagedFrame) -> float:
    return piece.time if isinstance(piece, FrameSpan) and piece.time is not None else inf
