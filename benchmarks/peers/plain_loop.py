"""Only the work, in a loop: download, find the frames, check and store each, make the clip.

It uses the functions that the assets use. It has no sha256, no records, no preview and no history.
"""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from benchmarks.peers.turns import take_turns
from imagetl_assets.images import gif
from imagetl_assets.images.bundle import FrameSpan, find_frames
from imagetl_assets.images.transcode import to_gif

RAW = Path("image-data.img")


def download(url: str) -> None:
    with urllib.request.urlopen(url) as answer, RAW.open("wb") as file:
        shutil.copyfileobj(answer, file, 1024 * 1024)


def find() -> list[FrameSpan]:
    with RAW.open("rb") as file:
        return [piece for piece in find_frames(file) if isinstance(piece, FrameSpan)]


def store(spans: Sequence[FrameSpan]) -> list[gif.GifLayout]:
    """Store frames as GIF files; return their layouts."""
    layouts = []
    for span, data in zip(spans, read(spans), strict=True):
        frame = to_gif(data)
        layout = gif.parse(frame)
        gif.check_pixels(frame, layout)
        Path(f"frame_{span.number:05}.gif").write_bytes(frame)
        layouts.append(layout)
    return layouts


def read(spans: Sequence[FrameSpan]) -> Iterator[bytes]:
    with RAW.open("rb") as file:
        for span in spans:
            file.seek(span.offset)
            yield file.read(span.length)


def assemble(spans: Sequence[FrameSpan], layouts: Sequence[gif.GifLayout]) -> None:
    """Join the frames, which must be GIFs already."""
    with Path("clip.gif").open("wb") as out:
        screen = gif.screen_size(layouts)
        gif.assemble(zip(layouts, read(spans), strict=True), out, screen=screen)


def run(url: str) -> None:
    download(url)
    spans = find()
    assemble(spans, store(spans))


if __name__ == "__main__":
    take_turns(lambda: nullcontext(run))
