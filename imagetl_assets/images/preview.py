"""A small animated picture of a clip, for places where the clip itself is too large.

Strategy: a preview has few frames, all of them small and with the same palette of few colours. One
palette is quick to apply and does not flicker. The length of the first frame in a trial tells how
large the frames can be, so that they rarely have to be encoded a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from imagetl_assets.images import decode, gif, palette, transcode
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.thumbnails import shrunk, spread

if TYPE_CHECKING:
    import PIL.Image

_COLOURS = 64
_SIDE = 240  # longest side, in pixels
_TRIAL = 0.6  # scale of the trial
_THREADS = 2  # Pillow decodes, resizes and encodes without the interpreter's lock
_SAMPLE = 24, 24  # size of a frame's share of the picture that the palette is made for


def preview(
    frames: Sequence[bytes] | Callable[[int], bytes],
    count: int,
    *,
    duration_ms: float = 100,
    max_bytes: int = 150_000,
    max_frames: int = 12,
) -> bytes:
    """Return a GIF of at most `max_bytes` that shows what the clip of these frames shows.

    Args:
        frames: the frames as GIF, or a function that returns the i-th, which is called for those
            that are shown, from two threads.
        count: the number of frames.
        duration_ms: how long the clip shows a frame. The preview shows its fewer frames for longer,
            so that it plays about as long as the clip.
        max_bytes: limit for the result, met by making the picture smaller.
        max_frames: limit for the images, which are spread evenly over the clip. If the clip has
            only one, the preview is still.

    Raises:
        ImageError: a frame cannot be decoded, or even the smallest preview is too large.
    """
    get = frames if callable(frames) else frames.__getitem__
    with ThreadPoolExecutor(_THREADS) as pool:
        pictures, images = _pick(get, count, max_frames, pool)
        duration = min(duration_ms * images / len(pictures), 655_350)
        shared = _shared_palette(pictures)
        # The first frame tells how many bytes a pixel takes. Others may take a tenth more.
        first = _encode(pictures[0], _TRIAL, shared)
        scale = min(1.0, _TRIAL * (0.9 * max_bytes / len(pictures) / len(first)) ** 0.5)
        loop = 0 if len(pictures) > 1 else None
        while scale > 0.01:
            encoded = list(pool.map(partial(_encode, scale=scale, shared=shared), pictures))
            result = transcode.join(encoded, duration_ms=duration, loop=loop)
            if len(result) <= max_bytes:
                return result
            scale *= 0.9 * (max_bytes / len(result)) ** 0.5
    raise ImageError(f"no preview of these frames is as small as {max_bytes:,} bytes")


def _pick(
    get: Callable[[int], bytes], count: int, max_frames: int, pool: Executor
) -> tuple[list[PIL.Image.Image], int]:
    """Return small pictures from all over the clip, and about how many images the clip has.

    All are to the same scale, and none is larger than `_SIDE`.
    """
    files = min(count, max_frames)
    if files < 1:
        raise ImageError("there are no frames to make a preview of")
    found = list(
        pool.map(
            lambda position: _small_pictures(get(position), max_frames // files),
            spread(count, max_frames),
        )
    )
    images = sum(inside for _, inside in found)
    picked = [small for smalls, _ in found for small in smalls]
    scale = _SIDE / max(max(size) for size, _ in picked)
    same = [shrunk(p, scale * max(size) / max(p.size)) for size, p in picked]
    return same, images * count // files


def _small_pictures(
    data: bytes, max_pictures: int
) -> tuple[list[tuple[tuple[int, int], PIL.Image.Image]], int]:
    """Return pictures from all over a GIF, each with its size before, and how many there are."""
    inside = len(gif.parse(data).images)
    wanted = min(inside, max_pictures)
    numbers = set(spread(inside, wanted))
    smalls = [
        (picture.size, shrunk(picture, _SIDE / max(picture.size)))
        for i, picture in enumerate(decode.pictures(data))
        if i in numbers
    ]
    return smalls, inside


def _shared_palette(pictures: list[PIL.Image.Image]) -> PIL.Image.Image:
    """Return an image whose palette suits all of the pictures."""
    from PIL import Image

    width, height = _SAMPLE
    samples = Image.new("RGB", (width, height * len(pictures)))
    for number, picture in enumerate(pictures):
        samples.paste(picture.resize(_SAMPLE, Image.Resampling.NEAREST), (0, number * height))
    return samples.quantize(_COLOURS, Image.Quantize.MEDIANCUT)


def _encode(picture: PIL.Image.Image, scale: float, shared: PIL.Image.Image) -> bytes:
    """Return the picture as a GIF in this scale, with the shared palette."""
    from PIL import Image

    small = shrunk(picture, scale).quantize(palette=shared, dither=Image.Dither.NONE)
    return palette.write(small)
