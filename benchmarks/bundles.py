"""The bundles to measure with: the original flow's frames, repeated to any number, over HTTP."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, islice
from pathlib import Path
from threading import Thread

import requests

from imagetl_assets.images.bundle import FrameSpan, find_frames
from imagetl_assets.sample import SEPARATOR, sample_bytes
from imagetl_assets.settings import DEFAULT_UPSTREAM
from testbed.bundles import REAL_BUNDLE

NAME = "all-images.img"


@dataclass(frozen=True)
class Frames:
    """The frames of a bundle, and which bundle it is."""

    frames: list[bytes]
    source: str

    def write(self, path: Path, count: int) -> None:
        """Write a bundle of `count` frames. If there are fewer, they are repeated."""
        with path.open("wb") as file:
            for number, frame in enumerate(islice(cycle(self.frames), count)):
                file.write(SEPARATOR * bool(number) + frame)


def original_frames() -> Frames:
    """Return the frames of the original flow's bundle, or synthetic ones without it."""
    if REAL_BUNDLE.exists():
        return _split(REAL_BUNDLE.read_bytes(), f"the original flow's, {NAME}")
    url = f"{DEFAULT_UPSTREAM}/{NAME}"
    try:
        answer = requests.get(url, timeout=30)
        answer.raise_for_status()
    except requests.RequestException:
        return _split(sample_bytes(27), f"synthetic, as {url} did not answer")
    return _split(answer.content, f"the original flow's, {url}")


def _split(bundle: bytes, source: str) -> Frames:
    spans = [one for one in find_frames(io.BytesIO(bundle)) if isinstance(one, FrameSpan)]
    return Frames([bundle[one.offset : one.offset + one.length] for one in spans], source)


def photos(count: int, *, seed: int = 0) -> Iterator[bytes]:
    """Yield PNGs of 640 x 480 pixels that take as many bytes and colours as photos do."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(seed)
    for _ in range(count):
        coarse = random.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC)
        grain = random.normal(0, 1.5, (480, 640, 1))
        pixels = np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG", compress_level=1)
        yield out.getvalue()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the files of a folder on loopback; yield the folder's URL."""
    handler = partial(_Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""
