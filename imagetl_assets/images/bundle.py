"""Find the frames of a bundle, whatever its kind. The kinds are in `bundles`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import BinaryIO

from imagetl_assets.images.bundles import KINDS, KINDS_BY_NAME
from imagetl_assets.images.bundles.kind import (
    BundleKind,
    BundleReader,
    DamagedFrame,
    FrameImage,
    FrameSpan,
    Remarks,
)
from imagetl_assets.images.errors import BundleError, ImageError
from imagetl_assets.images.image_formats import FORMATS
from imagetl_assets.images.unknown import READABLE, what_it_is
from imagetl_assets.images.window import BLOCK_SIZE, Window

__all__ = [
    "BundleKind",
    "DamagedFrame",
    "FrameImage",
    "FrameSpan",
    "Remarks",
    "find_frames",
    "images",
    "is_sequential",
    "kind_of",
    "looks_like_bundle",
    "pieces",
]


def find_frames(
    file: BinaryIO, *, block_size: int = BLOCK_SIZE, remarks: Remarks | None = None
) -> Iterator[FrameSpan | DamagedFrame]:
    """Yield the pieces of a bundle in order, damaged ones included.

    Args:
        file: any seekable binary file. Most kinds of bundles are read forwards in ranges of about
            `block_size` bytes. Memory is that of two blocks, and of what a bundle tells of itself.
        block_size: in bytes.
        remarks: is told what is unusual about the bundle, although it damages no frame.

    Raises:
        OSError: the file cannot be read.
        BundleError: no frame can be had from it, or something has to be installed for the format
            of one of them. What else is wrong with some of its images raises nothing.
    """
    window = Window(file, block_size)
    yield from pieces(kind_of(window), window, remarks or Remarks())


def pieces(
    kind: BundleKind, window: Window, remarks: Remarks
) -> Iterator[FrameSpan | DamagedFrame]:
    """Yield the pieces of a bundle of this kind. It raises what `find_frames` raises."""
    for piece in kind.pieces(window, remarks):
        if isinstance(piece, FrameSpan) and (missing := missing_for(piece.format)):
            name = f" ({piece.name})" if piece.name else ""
            raise BundleError(
                f"frame {piece.number}{name} in it is an image in the format {piece.format}: "
                f"{missing}"
            )
        yield piece


@lru_cache(maxsize=64)
def missing_for(format: str) -> str | None:
    """Return what is missing to decode images in this format, if anything."""
    return FORMATS[format].missing() if format in FORMATS else None


def kind_of(window: Window) -> BundleKind:
    """Return the kind of a bundle."""
    return next((kind for kind in KINDS if kind.recognises(window)), KINDS[-1])


def is_sequential(kind: str) -> bool:
    """Tell whether to have an image of such a bundle, those before it have to be decoded."""
    return KINDS_BY_NAME[kind].sequential


def images(
    kind: str, bundle: BundleReader, spans: Sequence[FrameSpan]
) -> Iterator[FrameImage | ImageError]:
    """Yield the image of each span of a bundle, in order, or what is wrong with it.

    Args:
        kind: of the bundle, by its name.
        bundle: where the bytes are.
        spans: some of those that `find_frames` has found.
    """
    return KINDS_BY_NAME[kind].images(bundle, spans)


def looks_like_bundle(head: bytes) -> str | None:
    """Tell from the first bytes of a file (`SNIFFED` will do) what is wrong with it, if anything.

    Returns:
        None if it begins as a bundle of some kind does; else a text that fits after "this is
        not a bundle of images: ": what it is, and what can be read.
    """
    window = Window.over(head)
    if any(kind.recognises(window) for kind in KINDS):
        return None
    return f"{what_it_is(head)}. {READABLE}"
