"""How fast images are found, joined and converted, compared with other tools."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import BinaryIO

from benchmarks.bench import Bench, Job, timed
from benchmarks.bundles import Frames, original_frames
from benchmarks.environments import versions
from benchmarks.pipelines import IMAGETL
from benchmarks.results import OURS
from imagetl_assets.images import gif
from imagetl_assets.images.bundle import FrameSpan, find_frames
from imagetl_assets.images.transcode import to_gif

IMAGEIO, GIFSICLE, COPY = "imageio", "gifsicle", "plain copy"
_BUFFER = 256 * 1024


def clip(bench: Bench) -> None:
    """Measure clips of a small and a large bundle, and the conversion of pictures."""
    frames = original_frames()
    bench.measurement.notes.append(f"Bundle: {frames.source}.")
    bench.measurement.versions[OURS] = versions(IMAGETL.interpreter(), ("imagetl-assets", "pillow"))
    _stored_frames(bench, frames.frames[:3] if bench.quick else frames.frames)
    _large_bundle(bench, frames)
    _conversion(bench, frames.frames)


def _stored_frames(bench: Bench, frames: Sequence[bytes]) -> None:
    """Measure how long it takes to read one file for each frame and to write the clip."""
    paths = [bench.folder / f"frame_{number:02}.gif" for number in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        path.write_bytes(frame)

    def assemble() -> None:
        data = [path.read_bytes() for path in paths]
        layouts = [gif.parse(frame) for frame in data]
        with (bench.folder / "clip.gif").open("wb") as out:
            screen = gif.screen_size(layouts)
            gif.assemble(zip(layouts, data, strict=True), out, screen=screen)

    def copy() -> None:
        with (bench.folder / "copy").open("wb") as out:
            for path in paths:
                out.write(path.read_bytes())

    work = f"clip of {len(frames)} frames"
    jobs = [Job(work, OURS, timed(assemble)), Job(work, COPY, timed(copy))]
    jobs += [Job(work, IMAGEIO, timed(partial(_mimsave, paths)))]
    bench.measurement.versions[IMAGEIO] = versions(IMAGETL.interpreter(), ("imageio",))
    if gifsicle := shutil.which("gifsicle"):
        jobs += [Job(work, GIFSICLE, timed(partial(_merge, gifsicle, paths)))]
        told = subprocess.run([gifsicle, "--version"], capture_output=True, text=True)
        bench.measurement.versions[GIFSICLE] = {GIFSICLE: told.stdout.split("\n")[0].split()[-1]}
    else:
        bench.skip(GIFSICLE, "it is not installed")
    bench.in_turns(jobs)


def _mimsave(paths: Sequence[Path]) -> None:
    import imageio

    images = [imageio.v2.imread(path) for path in paths]
    target = paths[0].with_name("imageio.gif")
    imageio.mimsave(target, images, duration=100, loop=0)  # type: ignore[arg-type]


def _merge(gifsicle: str, paths: Sequence[Path]) -> None:
    target = paths[0].with_name("gifsicle.gif")
    command = [gifsicle, "--merge", *map(str, paths), "-o", str(target)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def _large_bundle(bench: Bench, frames: Frames) -> None:
    """Measure how long it takes to find the frames of a large bundle and to join them.

    The peer copies the same bytes.
    """
    bundle, made, copied = (bench.folder / name for name in ("large.img", "large.gif", "copy"))
    frames.write(bundle, 27 if bench.quick else 13_500)
    work = f"{bundle.stat().st_size / 1e9:.2g} GB"

    def spans() -> list[FrameSpan]:
        with bundle.open("rb") as file:
            return [span for span in find_frames(file) if isinstance(span, FrameSpan)]

    found = spans()
    with bundle.open("rb") as file:
        layouts = [gif.parse(part) for part in _parts(file, found)]

    def assemble() -> None:
        made.unlink(missing_ok=True)  # a clip is written to a new file, too
        with bundle.open("rb", _BUFFER) as file, made.open("wb", _BUFFER) as out:
            screen = gif.screen_size(layouts)
            gif.assemble(zip(layouts, _parts(file, found), strict=True), out, screen=screen)

    def copy() -> None:
        copied.unlink(missing_ok=True)
        with bundle.open("rb") as file, copied.open("wb") as out:
            shutil.copyfileobj(file, out)

    bench.in_turns(
        [
            Job(f"find the frames in {work}", OURS, timed(spans), rounds=3),
            Job(f"clip of {work}", OURS, timed(assemble), rounds=3),
            Job(f"clip of {work}", COPY, timed(copy), rounds=3),
        ]
    )
    for path in (bundle, made, copied):
        path.unlink()


def _parts(file: BinaryIO, spans: Sequence[FrameSpan]) -> Iterator[bytes]:
    for span in spans:
        file.seek(span.offset)
        yield file.read(span.length)


def _conversion(bench: Bench, frames: Sequence[bytes]) -> None:
    """Measure the conversion of PNG pictures with many colours, in one process and in two."""
    count = 20 if bench.quick else 1000
    work = list(islice(cycle(_pictures(frames[:10])), count))
    with ExitStack() as stack:
        jobs = []
        for processes in (1, 2):
            pool = stack.enter_context(ProcessPoolExecutor(processes))
            name = f"{count:,} PNG pictures to GIF, {processes} process{'es' * (processes > 1)}"
            jobs.append(Job(name, OURS, timed(partial(_convert, pool, work)), rounds=3))
        bench.in_turns(jobs)


def _pictures(frames: Sequence[bytes]) -> list[bytes]:
    """Return blurred frames as PNG: they have more colours than a GIF can hold."""
    from PIL import Image

    pictures = []
    for number, frame in enumerate(frames):
        with Image.open(io.BytesIO(frame)) as image:
            softened = image.convert("RGB").resize((250, 188)).resize((500, 375))
        out = io.BytesIO()
        softened.rotate(number).save(out, "PNG")
        pictures.append(out.getvalue())
    return pictures


def _convert(pool: ProcessPoolExecutor, pictures: Sequence[bytes]) -> int:
    return sum(pool.map(_converted_length, pictures, chunksize=10))


def _converted_length(data: bytes) -> int:
    return len(to_gif(data))
