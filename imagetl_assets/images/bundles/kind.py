"""What a kind of bundle has to provide, and what is found in a bundle of any kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Protocol

from msgspec import Meta, Struct

from imagetl_assets.images.window import Window

_Count = Annotated[int, Meta(ge=0)]
_Length = Annotated[int, Meta(ge=1)]


class FrameSpan(Struct, frozen=True, array_like=True, gc=False):
    """Where an image is in a bundle.

    Attributes:
        number: counts all pieces of the bundle from 0, damaged ones included.
        offset: of its first byte in the bundle.
        length: in bytes.
        format: of the image, such as "PNG".
    """

    number: _Count
    offset: _Count
    length: _Length
    format: str


class DamagedFrame(Struct, frozen=True, array_like=True, gc=False):
    """A piece of a bundle that is no complete image.

    Attributes:
        number: counts all pieces of the bundle from 0.
        offset: of its first byte in the bundle.
        length: in bytes.
        problem: what is wrong with it, as a phrase for people.
    """

    number: _Count
    offset: _Count
    length: _Length
    problem: str


class Remarks:
    """What is unusual about a bundle, although it damages no frame: people are told of it."""

    def __init__(self) -> None:
        self._found: dict[str, list[int]] = {}

    def note(self, what: str, offset: int) -> None:
        """Note something, named in the plural, and where in the bundle it is."""
        self._found.setdefault(what, [0, offset])[0] += 1

    def count(self, what: str) -> int:
        """Return how often this was noted."""
        return self._found.get(what, [0])[0]

    def texts(self) -> list[str]:
        """Return for each kind of thing that was noted: what, how often, and where first."""
        return [
            f"{what}: {count:,}, the first at byte {first:,}"
            for what, (count, first) in self._found.items()
        ]


class BundleKind(Protocol):
    """A way to put many images into one file."""

    def recognises(self, head: bytes) -> bool:
        """Tell from the first bytes of a file (`SNIFFED` of them) whether it is of this kind."""

    def pieces(self, window: Window, remarks: Remarks) -> Iterator[FrameSpan | DamagedFrame]:
        """Yield all pieces of a bundle in order, damaged ones included; note what is unusual.

        Raises:
            OSError: the file cannot be read. What is wrong with its images raises nothing.
        """


SNIFFED = 64
"""How many first bytes of a file tell its kind."""
