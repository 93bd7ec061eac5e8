"""Where each image of a GIF has its bytes, and how it is shown.

A layout is small and is stored in the records, so that a frame's GIF is parsed only once. What is
read back from a record is checked: a layout that no GIF can have is refused.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

# How an image leaves the screen (GIF89a, section 23).
NO_DISPOSAL, KEEP, TO_BACKGROUND, TO_PREVIOUS = range(4)

_TABLE_LENGTHS = {0, *(3 << bits for bits in range(1, 9))}

Position = Annotated[int, Meta(ge=0)]
Side = Annotated[int, Meta(ge=0, le=0xFFFF)]
Extent = Annotated[int, Meta(ge=1, le=0xFFFF)]


class GifImage(Struct, frozen=True, array_like=True, gc=False):
    """One image of a GIF: how it is shown, and where its bytes are.

    Attributes:
        left: in pixels, of the screen.
        top: in pixels, of the screen.
        width: in pixels.
        height: in pixels.
        interlaced: 1 if its rows are stored in interlaced order, else 0.
        palette_offset: of its colour table, in bytes from the start of the GIF.
        palette_length: in bytes; 0 if there is no colour table at all.
        transparent: the index of the transparent colour, -1 if there is none.
        delay: how long it is shown, in hundredths of a second.
        disposal: how it leaves the screen, such as `KEEP`.
        data_offset: of its compressed data, in bytes from the start of the GIF. They begin with the
            LZW code size.
        data_length: in bytes, with the block terminator.
    """

    left: Side
    top: Side
    width: Extent
    height: Extent
    interlaced: Annotated[int, Meta(ge=0, le=1)]
    palette_offset: Position
    palette_length: Position
    transparent: Annotated[int, Meta(ge=-1, le=0xFF)]
    delay: Side
    disposal: Annotated[int, Meta(ge=0, le=7)]
    data_offset: Position
    data_length: Position

    def __post_init__(self) -> None:
        if self.left + self.width > 0xFFFF or self.top + self.height > 0xFFFF:
            raise ValueError("an image reaches beyond 65,535 pixels")
        if self.palette_length not in _TABLE_LENGTHS:
            raise ValueError(f"no colour table has {self.palette_length} bytes")

    @property
    def corner(self) -> tuple[int, int]:
        """The position after the lower right pixel."""
        return self.left + self.width, self.top + self.height

    def covers(self, width: int, height: int) -> bool:
        """Tell whether this image leaves nothing to be seen of what was on the screen before."""
        return (
            self.transparent < 0
            and self.left == self.top == 0
            and self.width >= width
            and self.height >= height
        )

    def placed(self, left: int, top: int) -> GifImage:
        """Return the image at another place on the screen."""
        return replace(self, left=left, top=top)


class GifLayout(Struct, frozen=True, array_like=True, gc=False):
    """What is needed to copy the images of one GIF without parsing it again.

    Attributes:
        width: of the screen, in pixels.
        height: of the screen, in pixels.
        images: in order.
    """

    width: Side
    height: Side
    images: tuple[GifImage, ...]

    @property
    def screen(self) -> tuple[int, int]:
        """Width and height of what is shown. A side of 0 pixels is taken as the images need it.

        What an image has beyond the screen is not shown.
        """
        corners = [image.corner for image in self.images]
        return (
            self.width or max((across for across, _ in corners), default=0),
            self.height or max((down for _, down in corners), default=0),
        )
