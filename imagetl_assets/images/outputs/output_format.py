"""What a format of clips has to provide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from imagetl_assets.images.gif import ClipInfo, GifLayout, Screen, Writable


class Write(Protocol):
    """Writes a clip."""

    def __call__(
        self,
        frames: Iterable[tuple[GifLayout, bytes | memoryview]],
        out: Writable,
        *,
        screen: Screen,
        duration_ms: float | Sequence[float],
        loop: int | None,
    ) -> ClipInfo:
        """Write a clip of all images of all frames, in order.

        Args:
            frames: layout and bytes of each frame file, which is a GIF; taken one at a time.
            out: a file that is only written.
            screen: that all of them fit on.
            duration_ms: how long each image is shown, in milliseconds; or one number for each.
            loop: how often the clip is repeated: 0 for ever, None not at all.

        Raises:
            ImageError: there are no images, or one of them cannot be used.
        """


@dataclass(frozen=True)
class OutputFormat:
    """A format of clips.

    Attributes:
        name: of the format, in small letters. The asset is called `clip_<name>`, and the file
            `clip.<name>`.
        description: of the asset.
        write: writes a clip.
        takes_differences: whether `write` can be given the differences between frames instead of
            the frames, where they are stored and fit.
    """

    name: str
    description: str
    write: Write
    takes_differences: bool = False

    @property
    def asset_name(self) -> str:
        """The name of the asset."""
        return f"clip_{self.name}"
