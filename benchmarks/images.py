"""How fast images are found, joined and converted, next to what else could do it.

    python -m benchmarks.images

All data are made in a temporary folder (of twice `--gigabytes`) and removed. What is compared is
run in turns, A B A B, and the figures are medians. The clip is that of `--bundle`, if the file is
there, else of a synthetic one.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import BinaryIO

from imagetl_assets.images import gif
from imagetl_assets.images.bundle import FrameSpan, find_frames
from imagetl_assets.images.preview import preview
from imagetl_assets.images.transcode import to_gif

SEPARATOR = b"\n\n\n\n"
BUFFER = 256 * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("../shared/data/all-images.img"))
    parser.add_argument("--gigabytes", type=float, default=2, help="size of the large bundle")
    parser.add_argument("--pictures", type=int, default=1000, help="PNG pictures to convert")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        frames = read_frames(options.bundle) if options.bundle.exists() else synthetic_frames(27)
        large_bundle(frames, folder, options.gigabytes, options.rounds)
        real_clip(frames, folder, options.rounds)
        conversion(frames, options.pictures, options.rounds)


say = partial(print, flush=True)


def read_frames(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return [data[s.offset : s.offset + s.length] for s in find_frames(io.BytesIO(data))]


def synthetic_frames(count: int) -> list[bytes]:
    """Noise that compresses to about 75 kB."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    frames = []
    for _ in range(count):
        out = io.BytesIO()
        grey = random.integers(0, 8, (375, 500), dtype=np.uint8) * 31
        Image.fromarray(grey).save(out, "PNG")
        frames.append(to_gif(out.getvalue()))
    return frames


def in_turns(rounds: int, *jobs: Callable[[], object]) -> list[float]:
    """Return the median seconds of each job; all have run once before."""
    seconds: list[list[float]] = [[] for _ in jobs]
    for _ in range(rounds):
        for job, taken in zip(jobs, seconds, strict=True):
            start = time.perf_counter()
            job()
            taken.append(time.perf_counter() - start)
    return [median(taken) for taken in seconds]


def large_bundle(frames: list[bytes], folder: Path, gigabytes: float, rounds: int) -> None:
    """Index a large bundle and make its clip; the peer is a copy of the same bytes."""
    bundle, clip, copy = folder / "large.img", folder / "large.gif", folder / "copy"
    with bundle.open("wb") as made:
        while made.tell() < gigabytes * 1e9:
            made.writelines(part for frame in frames for part in (frame, SEPARATOR))
    size = bundle.stat().st_size
    spans: list[FrameSpan] = []

    def scan() -> None:
        with bundle.open("rb") as file:
            spans[:] = (span for span in find_frames(file) if isinstance(span, FrameSpan))

    scan()
    (scanned,) = in_turns(rounds, scan)
    with bundle.open("rb") as file:
        layouts = [gif.parse(part) for part in parts(file, spans)]

    def assemble() -> None:
        with bundle.open("rb", BUFFER) as file, clip.open("wb", BUFFER) as out:
            screen = gif.screen_size(layouts)
            gif.assemble(zip(layouts, parts(file, spans), strict=True), out, screen=screen)

    def copy_bytes() -> None:
        with bundle.open("rb") as file, copy.open("wb") as out:
            shutil.copyfileobj(file, out)

    def remove() -> None:
        clip.unlink(missing_ok=True)
        copy.unlink(missing_ok=True)

    # Into new files each time, as a clip is written.
    assembled, _, copied, _ = in_turns(rounds, assemble, remove, copy_bytes, remove)
    index = sum(len(str(layout.to_json())) for layout in layouts)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(
        f"{len(spans):,} frames, {size / 1e9:.2f} GB; index of layouts {index / 1e6:.1f} MB as JSON"
    )
    say(f"  find frames          {scanned:8.2f} s   {size / scanned / 1e9:.2f} GB/s")
    say(f"  assemble             {assembled:8.2f} s   {copied / assembled:.0%} of the copy's speed")
    say(f"  shutil.copyfileobj   {copied:8.2f} s")
    say(f"  peak memory of this process {memory:.0f} MB")
    bundle.unlink()


def parts(file: BinaryIO, spans: list[FrameSpan]) -> Iterator[bytes]:
    for span in spans:
        file.seek(span.offset)
        yield file.read(span.length)


def real_clip(frames: list[bytes], folder: Path, rounds: int) -> None:
    """Make the clip of one file per frame, reading and writing included; and the preview."""
    import imageio

    paths = [folder / f"frame_{number:02}.gif" for number in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        path.write_bytes(frame)
    known = [gif.parse(frame) for frame in frames]

    def assemble(layouts: list[gif.GifLayout] | None) -> None:
        data = [path.read_bytes() for path in paths]
        layouts = layouts or [gif.parse(frame) for frame in data]
        with (folder / "clip.gif").open("wb") as out:
            screen = gif.screen_size(layouts)
            gif.assemble(zip(layouts, data, strict=True), out, screen=screen)

    def mimsave() -> None:
        images = [imageio.v2.imread(path) for path in paths]
        imageio.mimsave(folder / "imageio.gif", images, duration=100, loop=0)  # type: ignore[arg-type]

    def merge() -> None:
        command = ["gifsicle", "--merge", *map(str, paths), "-o", str(folder / "gifsicle.gif")]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)

    peers: dict[str, Callable[[], object]] = {"imageio.mimsave": mimsave}
    if shutil.which("gifsicle"):
        peers["gifsicle --merge"] = merge
    jobs: list[Callable[[], object]] = [
        partial(assemble, known),
        partial(assemble, None),
        partial(preview, frames, len(frames)),
        *peers.values(),
    ]
    in_turns(1, *jobs)
    ours, parsing, small, *others = in_turns(rounds, *jobs)
    say(f"clip of {len(frames)} frames, {sum(map(len, frames)) / 1e6:.1f} MB")
    say(f"  assemble             {1e3 * ours:8.2f} ms")
    say(f"  parse and assemble   {1e3 * parsing:8.2f} ms")
    for name, taken in zip(peers, others, strict=True):
        say(f"  {name:20} {1e3 * taken:8.2f} ms  {taken / parsing:.0f} times as long")
    say(
        f"  preview              {1e3 * small:8.2f} ms  {len(preview(frames, len(frames))):,} bytes"
    )


def conversion(frames: list[bytes], count: int, rounds: int) -> None:
    """Convert PNG pictures of many colours on one process and on two."""
    from PIL import Image

    pictures = []
    for number, frame in enumerate(frames[:10]):
        with Image.open(io.BytesIO(frame)) as image:
            softened = image.convert("RGB").resize((250, 188)).resize((500, 375))
        out = io.BytesIO()
        softened.rotate(number).save(out, "PNG")
        pictures.append(out.getvalue())
    work = [pictures[number % len(pictures)] for number in range(count)]

    with contextlib.ExitStack() as stack:
        pools = [stack.enter_context(ProcessPoolExecutor(workers)) for workers in (1, 2)]

        def convert(pool: ProcessPoolExecutor, pictures: list[bytes]) -> int:
            return sum(pool.map(converted_length, pictures, chunksize=10))

        for pool in pools:
            convert(pool, work[:40])
        one, two = in_turns(rounds, *(partial(convert, pool, work) for pool in pools))
    say(f"{count:,} PNG pictures of 500 x 375 to GIF, {os.cpu_count()} cores")
    say(f"  1 process            {one:8.2f} s   {1e3 * one / count:.1f} ms each")
    say(f"  2 processes          {two:8.2f} s   {one / two:.2f} times as fast")


def converted_length(data: bytes) -> int:
    return len(to_gif(data))


if __name__ == "__main__":
    main()
