"""What has to be known of a format of encoded images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from imagetl_assets.images.window import Window

SNIFFED = 18
"""How many first bytes of an image tell its format."""


@dataclass(frozen=True)
class ImageFormat:
    """A format of encoded images.

    Attributes:
        signature: a regular expression for the first bytes of an image, at most `SNIFFED` of them.
        end: returns the position after the image at a position, from what its headers say. Raises
            ImageError if the image is not complete.
    """

    signature: bytes
    end: Callable[[Window, int], int]
