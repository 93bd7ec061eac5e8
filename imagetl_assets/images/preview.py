"""A small animated picture of a clip, for places where the clip itself is too large.

Strategy: a preview has few frames, and is an animated WebP. For the same number of bytes, its
pictures have ten times as many pixels as those of a GIF, and all colours. They are compressed at
the same time, each by itself. Only if that takes too many bytes, each is compressed as its
difference from the one before, which takes longer.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING

from imagetl_assets.images import decode, gif
from imagetl_assets.images.errors import ImageError
from imagetl_assets.images.thumbnails import shrunk, spread
from imagetl_assets.images.webp_animation import animation

if TYPE_CHECKING:
    import PIL.Image

_SIDE = 400  # longest side, in pixels
_QUALITY = 50  # of 100
_THREADS = 2  # Pillow decodes, resizes and compresses without the interpreter's lock


def preview(
    frames: Sequence[bytes] | Callable[[int], bytes],
    count: int,
    *,
    duration_ms: float = 100,
    max_bytes: int = 150_000,
    max_frames: int = 12,
) -> bytes:
    """Return a WebP of at most `max_bytes` that shows what the clip of these frames shows.

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
        duration = round(duration_ms * images / len(pictures))
        stills = list(pool.map(_still, pictures))
    result = animation(stills, pictures[0].size, duration) if len(stills) > 1 else stills[0]
    if len(result) <= max_bytes:
        return result
    scale = 1.0
    while scale > 0.01:
        result = _encode([shrunk(picture, scale) for picture in pictures], duration)
        if len(result) <= max_bytes:
            return result
        scale *= 0.9 * (max_bytes / len(result)) ** 0.5
    raise ImageError(f"no preview of these frames is as small as {max_bytes:,} bytes")


def _pick(
    get: Callable[[int], bytes], count: int, max_frames: int, pool: Executor
) -> tuple[Sequence[PIL.Image.Image], int]:
    """Return small pictures from all over the clip, and about how many images the clip has.

    All are to the same scale and of the same size, and none is larger than `_SIDE`.
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
    return _same_size(same), images * count // files


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


def _still(picture: PIL.Image.Image) -> bytes:
    from PIL import WebPImagePlugin  # noqa: F401  # else Pillow loads the plugins of all formats

    out = io.BytesIO()
    picture.save(out, "WEBP", quality=_QUALITY, method=0)
    return out.getvalue()


def _encode(pictures: Sequence[PIL.Image.Image], duration_ms: int) -> bytes:
    """Return the pictures as an animation, or as a still image if there is only one.

    Each is compressed as its difference from the one before.
    """
    first, *others = pictures
    if not others:
        return _still(first)
    out = io.BytesIO()
    # With kmax=0, a picture is encoded once.
    many = {"append_images": others, "duration": duration_ms, "loop": 0, "kmin": 0, "kmax": 0}
    first.save(out, "WEBP", quality=_QUALITY, method=0, save_all=True, **many)
    return out.getvalue()


def _same_size(pictures: Sequence[PIL.Image.Image]) -> Sequence[PIL.Image.Image]:
    """Return the pictures on a white ground that is large enough for each of them."""
    from PIL import Image

    width, height = max(p.width for p in pictures), max(p.height for p in pictures)
    if all(picture.size == (width, height) for picture in pictures):
        return pictures
    grounds = [Image.new("RGB", (width, height), "white") for _ in pictures]
    for ground, picture in zip(grounds, pictures, strict=True):
        ground.paste(picture)
    return grounds
