"""WebP: https://developers.google.com/speed/webp/docs/riff_container."""

from __future__ import annotations

from imagetl_assets.images.image_formats.format import ImageFormat
from imagetl_assets.images.window import Window


def _end(window: Window, pos: int) -> int:
    """Take the size of the RIFF chunk."""
    end = pos + 8 + int.from_bytes(window.read(pos + 4, 4), "little")
    window.index(end - 1)
    return end


WEBP = ImageFormat(rb"RIFF.{4}WEBP", _end)
