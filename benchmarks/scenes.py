"""Scenes of photos for the benchmark of conversion, made from one that comes with matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image

SIZE = 360, 240
FRAMES = 60
PHOTO = "grace_hopper.jpg of matplotlib, 512 x 600 pixels"


def scenes(frames: int = FRAMES) -> dict[str, list[bytes]]:
    """Return the encoded frames of each scene, by its name."""
    photo = _photo()
    made: dict[str, Callable[[], Iterator[bytes]]] = {
        "pan": partial(_encoded, _pan(photo, frames), "PNG"),
        "zoom": partial(_encoded, _zoom(photo, frames), "PNG"),
        "JPEG pan": partial(_encoded, _pan(photo, frames), "JPEG", quality=85),
    }
    return {name: list(make()) for name, make in made.items()}


def panorama(size: tuple[int, int]) -> PIL.Image.Image:
    """Return the photo in a size of its own, in pixels."""
    from PIL import Image

    return _photo().resize(size, Image.Resampling.BICUBIC)


def _photo() -> PIL.Image.Image:
    from matplotlib import get_data_path
    from PIL import Image

    with Image.open(f"{get_data_path()}/sample_data/grace_hopper.jpg") as photo:
        picture: PIL.Image.Image = photo.convert("RGB")
        return picture


def _pan(photo: PIL.Image.Image, frames: int) -> Iterator[PIL.Image.Image]:
    """Yield what is seen on a way from one corner of the photo to the other."""
    width, height = SIZE
    across, down = photo.width - width, photo.height - height
    for number in range(frames):
        left, top = across * number // (frames - 1), down * number // (frames - 1)
        yield photo.crop((left, top, left + width, top + height))


def _zoom(photo: PIL.Image.Image, frames: int) -> Iterator[PIL.Image.Image]:
    """Yield what is seen on a way into the photo."""
    from PIL import Image

    for number in range(frames):
        scale = 1 - 0.7 * number / (frames - 1)
        width, height = photo.width * scale, photo.width * scale * SIZE[1] / SIZE[0]
        left, top = (photo.width - width) / 2, (photo.height - height) / 3
        box = (left, top, left + width, top + height)
        yield photo.resize(SIZE, Image.Resampling.BICUBIC, box=box)


def _encoded(pictures: Iterator[PIL.Image.Image], kind: str, **options: object) -> Iterator[bytes]:
    for picture in pictures:
        out = io.BytesIO()
        picture.save(out, kind, **options)
        yield out.getvalue()
