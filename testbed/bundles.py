"""Bundles of images: made here, or the real one where it is at hand."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random

from PIL import Image

from imagetl_assets.sample import SEPARATOR, sample_bytes
from testbed import NotHere

REAL_BUNDLE = Path(__file__).parents[2] / "shared" / "data" / "all-images.img"


def real_bundle() -> bytes:
    """Return the bundle that the original flow downloads, if it is at hand."""
    if not REAL_BUNDLE.exists():
        raise NotHere(f"the real bundle is not at {REAL_BUNDLE}")
    return REAL_BUNDLE.read_bytes()


def pieces(bundle: bytes) -> list[bytes]:
    """Split as the original flow does."""
    return [piece for piece in bundle.split(SEPARATOR) if piece]


def small_bundle(frames: int = 3, shade: int = 0) -> bytes:
    """Return a bundle of tiny GIF frames, each of one colour."""
    return SEPARATOR.join(tiny_frame(number, shade) for number in range(frames))


def tiny_frame(number: int, shade: int = 0, format: str = "GIF") -> bytes:
    out = io.BytesIO()
    colour = (number * 37 % 256, shade, 255 - number % 256)
    Image.new("RGB", (8, 6), colour).save(out, format)
    return out.getvalue()


def noise(frames: int) -> bytes:
    """A bundle whose clip is more than 8 MB, although it has few frames."""
    random, found = Random(7), []
    for _ in range(frames):
        out = io.BytesIO()
        Image.frombytes("L", (600, 600), random.randbytes(600 * 600)).save(out, "GIF")
        found.append(out.getvalue())
    return SEPARATOR.join(found)


def damaged_bundle(frames: int = 3) -> tuple[bytes, int]:
    """Return a bundle whose second frame is cut short, and that frame's offset."""
    whole = pieces(sample_bytes(frames))
    whole[1] = whole[1][: len(whole[1]) // 2].rstrip(b"\n")
    return SEPARATOR.join(whole), len(whole[0]) + len(SEPARATOR)


def bad_pixels() -> bytes:
    """A frame whose structure is whole, but whose pixels cannot be decoded."""
    out = io.BytesIO()
    Image.frombytes("L", (32, 32), Random(3).randbytes(32 * 32)).save(out, "GIF")
    frame = bytearray(out.getvalue())
    at = frame.index(b"\x2c", 13 + 3 * 256) + 11  # the first sub-block of the image data
    while size := frame[at]:
        frame[at + 1 : at + 1 + size] = b"\xff" * size
        at += size + 1
    return bytes(frame)


def pixels(image: bytes) -> list[bytes]:
    """Return the pixels of each image of a GIF."""
    with Image.open(io.BytesIO(image)) as opened:
        result = []
        for i in range(getattr(opened, "n_frames", 1)):
            opened.seek(i)
            result.append(opened.convert("RGBA").tobytes())
        return result


def timing(clip: bytes) -> tuple[set[int], int | None]:
    """Return all durations (ms) that a GIF has, and its loop count."""
    with Image.open(io.BytesIO(clip)) as opened:
        durations = set()
        for i in range(opened.n_frames):
            opened.seek(i)
            durations.add(opened.info["duration"])
        opened.seek(0)
        return durations, opened.info.get("loop")
