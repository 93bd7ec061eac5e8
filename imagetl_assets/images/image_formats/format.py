"""What has to be known of a format of encoded images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

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
        strict_end: the same for an image in which nothing is out of place; None if `end` is it.
        searched_for: the same as `signature`, for those of the images that can be told from other
            bytes anywhere in a file; None if all can be.
        feature: that Pillow may be built without, as `PIL.features` calls it.
        plugin: the module that teaches Pillow the format, which is in the extra `formats`.
    """

    signature: bytes
    end: Callable[[Window, int], int]
    strict_end: Callable[[Window, int], int] | None = None
    searched_for: bytes | None = None
    feature: str | None = None
    plugin: str | None = None

    def missing(self) -> str | None:
        """Return what is missing for such images to be decoded, as a phrase; None if nothing is."""
        if self.plugin and find_spec(self.plugin) is None:
            return f"{self.plugin} is not installed (pip install 'imagetl-assets[formats]')"
        if self.feature:
            from PIL import features

            if not features.check(self.feature):
                return f"this Pillow is built without {self.feature}"
        return None
