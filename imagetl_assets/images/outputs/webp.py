"""The clip as an animated WebP, by Pillow.

Pillow takes all pictures of an animation at once, or an image that has several. So here is one that
has them one after the other: what is held is one picture, and what is compressed so far.
"""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.gif import Writable
from imagetl_assets.images.outputs.film import Film, FilmFormat, on_screen

_LONGEST_SIDE = 16_383  # pixels


def write(film: Film, out: Writable, options: dict[str, Any]) -> None:
    """Write a film as a WebP.

    Args:
        film: its pictures.
        out: a file that is only written.
        options: `quality` (0 to 100), `lossless`, and `loop`: how often it is repeated, 0 for ever,
            None not at all.

    Raises:
        ImageError: it is larger than a WebP can be, or a picture cannot be had.
    """
    from PIL import Image

    _check_side(film)
    durations: list[int] = []

    class Reel(Image.Image):
        """An image that has the pictures of the film, in order."""

        n_frames = film.count
        at = -1
        total = 0.0

        def seek(self, frame: int) -> None:
            if frame == self.at + 1:
                picture, duration = next(film.pictures)
                shown = on_screen(picture, film.width, film.height)
                self.im, self._mode, self._size = shown.im, shown.mode, shown.size
                before, self.total, self.at = self.total, self.total + duration, frame
                durations.append(round(self.total) - round(before))

        def tell(self) -> int:
            return max(self.at, 0)

    reel = Reel()
    reel.seek(0)
    loop = options["loop"]
    reel.save(
        cast(BinaryIO, out),
        "WEBP",
        save_all=True,
        duration=durations,
        loop=1 if loop is None else loop + (loop > 0),
        lossless=options["lossless"],
        quality=options["quality"],
        method=4,
    )


def _check_side(film: Film) -> None:
    """Raise ImageError if a film is larger than a WebP can be."""
    if max(film.width, film.height) > _LONGEST_SIDE:
        raise ImageError(
            f"{film.width} x {film.height} pixels are more than the {_LONGEST_SIDE:,} that a side "
            "of a WebP can have: set resize in the config of frames"
        )


WEBP = FilmFormat(
    name="webp",
    description=(
        "The animation of all frames as a WebP, from the original images in full colour. "
        "It is made only if `IMAGETL_CLIPS` names it, or if it is materialized by hand."
    ),
    write=write,
)
