"""Pictures in full colour, on their way into a clip that is encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

from imagetl_assets.images.gif import Writable

if TYPE_CHECKING:
    import PIL.Image


class Shown(NamedTuple):
    """A picture, and for how many milliseconds it is shown."""

    picture: PIL.Image.Image
    duration_ms: float


@dataclass(frozen=True)
class Film:
    """The pictures of a clip.

    Attributes:
        width: of the screen, in pixels. Each picture is in its upper left corner.
        height: of the screen, in pixels.
        count: how many pictures there are, at least one.
        pictures: in order; they are taken once, one at a time, and not kept.
        start_ms: for how long the pictures before these are shown, if this is a part of a film.
        usual_ms: for how long a picture of the whole film is shown on average. None if that is not
            known; then the first picture tells.
    """

    width: int
    height: int
    count: int
    pictures: Iterator[Shown]
    start_ms: float = 0.0
    usual_ms: float | None = None


class Segments(Protocol):
    """How a film is encoded in segments by several workers, and how these are joined."""

    def encode(self, film: Film, path: str, options: dict[str, Any], *, threads: int) -> list[int]:
        """Write a part of a film to a file; return when its pictures are shown, as `times` does.

        Raises:
            ImageError: it cannot be encoded, or a picture cannot be had.
        """

    def times(self, durations_ms: Iterable[float]) -> list[int]:
        """Return when each picture is shown by the clock of the format, and when the last ends."""

    def join(self, segments: Iterable[BinaryIO], times: Sequence[int], out: Writable) -> None:
        """Write a film of all segments, which are copied and not encoded again.

        Args:
            segments: as `encode` has written them, in order.
            times: of all of their pictures.
            out: a file that is only written.

        Raises:
            ImageError: they do not fit together.
        """


@dataclass(frozen=True)
class FilmFormat:
    """A format of clips that are encoded from the pictures in full colour.

    Attributes:
        name: of the format, in small letters. The asset is called `clip_<name>`.
        description: of the asset.
        write: writes a film to a file, with options of its own. Raises ImageError if it cannot.
        segments: how it is encoded in segments, if it can be.
        module: that has to be installed for it, beside what always is.
        always_offered: whether there is an asset for it although it was not asked for.
    """

    name: str
    description: str
    write: Callable[[Film, Writable, dict[str, Any]], None]
    segments: Segments | None = None
    module: str | None = None
    always_offered: bool = True

    @property
    def can_be_made(self) -> bool:
        """Whether all that it takes is installed."""
        return self.module is None or find_spec(self.module) is not None

    @property
    def asset_name(self) -> str:
        """The name of the asset."""
        return f"clip_{self.name}"


def on_screen(
    picture: PIL.Image.Image, width: int, height: int, *, background: str | None = None
) -> PIL.Image.Image:
    """Return a picture in the upper left corner of a screen.

    It is RGB on a `background` of some colour, and RGBA on a transparent screen without one.
    """
    from PIL import Image

    if background is None:
        if picture.size == (width, height) and not picture.has_transparency_data:
            return picture.convert("RGB")
        screen = Image.new("RGBA", (width, height))
        screen.paste(picture.convert("RGBA"))
        return screen
    if not picture.has_transparency_data and picture.size == (width, height):
        return picture.convert("RGB")
    screen = Image.new("RGB", (width, height), background)
    rgba = picture.convert("RGBA")
    screen.paste(rgba, mask=rgba)
    return screen
