"""What a kind of bundle has to provide, and what is found in a bundle of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple, Protocol

from msgspec import Meta, Struct

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.new_size import NewSize
from imagetl_assets.images.window import Window

if TYPE_CHECKING:
    import PIL.Image

_Count = Annotated[int, Meta(ge=0)]
_Length = Annotated[int, Meta(ge=1)]


class FrameSpan(Struct, frozen=True, array_like=True, gc=False):
    """Where an image is in a bundle.

    Attributes:
        number: counts all pieces of the bundle from 0, damaged ones included.
        offset: of its first byte in the bundle.
        length: in bytes.
        format: of the image, such as "PNG".
        name: that the image has in the bundle, such as "day 1/2.png"; empty if it has none.
        detail: what else its kind of bundle has to know to read it.
        time: when it was written, in seconds since 1970; None if the bundle does not tell.
    """

    number: _Count
    offset: _Count
    length: _Length
    format: str
    name: str = ""
    detail: tuple[int, ...] = ()
    time: float | None = None


class DamagedFrame(Struct, frozen=True, array_like=True, gc=False):
    """A piece of a bundle that is no complete image.

    Attributes:
        number: counts all pieces of the bundle from 0.
        offset: of its first byte in the bundle.
        length: in bytes.
        problem: what is wrong with it, as a phrase for people.
        name: that it has in the bundle; empty if it has none.
    """

    number: _Count
    offset: _Count
    length: _Length
    problem: str
    name: str = ""

    @property
    def named_problem(self) -> str:
        """What is wrong with it, after its name, if it has one."""
        return f"{self.name}: {self.problem}" if self.name else self.problem


class FrameImage(NamedTuple):
    """The image of a frame.

    Attributes:
        data: its bytes, as it was encoded; or a picture, if it had to be decoded to have it.
        offset: where the bundle holds the same bytes; None if it does not.
        duration_ms: how long the bundle says that it is shown; None if it does not say.
    """

    data: bytes | PIL.Image.Image
    offset: int | None
    duration_ms: float | None = None


class Remarks:
    """What people should be told of a bundle, although it damages no frame."""

    def __init__(self) -> None:
        self._unusual: dict[str, tuple[int, str]] = {}
        self._left_out: dict[str, tuple[int, str]] = {}

    def note(self, what: str, offset: int, name: str = "") -> None:
        """Note something unusual, named in the plural, and where in the bundle it is."""
        place = f"{name} at byte {offset:,}" if name else f"at byte {offset:,}"
        _count(self._unusual, what, place)

    def leave_out(self, what: str, name: str) -> None:
        """Note a member of the bundle that is no frame, and need not be one."""
        _count(self._left_out, what, name)

    def count(self, what: str) -> int:
        """Return how often something unusual was noted."""
        return self._unusual.get(what, (0, ""))[0]

    def texts(self) -> list[str]:
        """Return for each unusual thing that was noted: what, how often, and where first."""
        return _texts(self._unusual)

    def left_out(self) -> list[str]:
        """Return for each kind of members that were left out: what, how many, and the first."""
        return _texts(self._left_out)


def _count(found: dict[str, tuple[int, str]], what: str, place: str) -> None:
    count, first = found.get(what, (0, place))
    found[what] = count + 1, first


def _texts(found: dict[str, tuple[int, str]]) -> list[str]:
    return [f"{what}: {count:,}, the first {first}" for what, (count, first) in found.items()]


class BundleReader(Protocol):
    """A bundle as the mapped steps read it."""

    def read(self, spans: Sequence[tuple[int, int]]) -> Iterator[bytes]:
        """Yield the bytes of each (offset, length), in order."""

    def open(self) -> BinaryIO:
        """Open the bundle for reading from any position."""

    @property
    def resize(self) -> NewSize | None:
        """The size that pictures are brought to afterwards.

        A kind that has to decode them may return them smaller already, see `scaled_size`.
        """


class BundleKind(Protocol):
    """A way to put many images into one file."""

    name: str
    """As people call it. The index of the frames keeps it."""

    sequential: bool
    """Whether to have an image, all those before it have to be decoded."""

    def recognises(self, window: Window) -> bool:
        """Tell whether a file is of this kind.

        Of a file that is still being downloaded, there are at least its first `SNIFFED` bytes.
        """

    def pieces(self, window: Window, remarks: Remarks) -> Iterator[FrameSpan | DamagedFrame]:
        """Yield all pieces of a bundle in order, damaged ones included; note what is unusual.

        Raises:
            OSError: the file cannot be read.
            BundleError: no frame can be had from it. What is wrong with some of its images raises
                nothing.
        """

    def images(
        self, bundle: BundleReader, spans: Sequence[FrameSpan]
    ) -> Iterator[FrameImage | ImageError]:
        """Yield the image of each span, in order, or what is wrong with it."""


def image_of_each(
    bundle: BundleReader,
    spans: Sequence[FrameSpan],
    image: Callable[[FrameSpan, bytes], FrameImage],
) -> Iterator[FrameImage | ImageError]:
    """Yield what `image` makes of each span and its bytes, or the ImageError that it raises."""
    places = [(span.offset, span.length) for span in spans]
    for span, data in zip(spans, bundle.read(places), strict=True):
        try:
            yield image(span, data)
        except ImageError as error:
            yield error


SNIFFED = 512
"""How many first bytes of a file tell its kind."""
