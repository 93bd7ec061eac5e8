"""Photos to an animated GIF: processor time and quality, compared with other tools."""

from __future__ import annotations

import io
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

from benchmarks import quality
from benchmarks.bench import Bench, Figures, Job
from benchmarks.contenders import ContenderFailed
from benchmarks.environments import program_version, versions
from benchmarks.pipelines import IMAGETL
from benchmarks.results import OURS, TIME
from benchmarks.scenes import FRAMES, PHOTO, SIZE, scenes
from imagetl_assets.images.transcode import join, to_gif

ONE_PALETTE = "ffmpeg, one palette"
PSNR, SSIM, LENGTH = "PSNR", "SSIM", "size of the clip"

_ONE = "split[a][b];[a]palettegen[p];[b][p]paletteuse"
_EACH = "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1:dither=none"


@dataclass(frozen=True)
class _Program:
    """A program that makes a GIF of a folder of pictures.

    Attributes:
        name: of the contender.
        command: what is installed.
        version: the arguments that let it tell its version.
        arguments: the others, from the pictures and the GIF.
    """

    name: str
    command: str
    version: str
    arguments: Callable[[Sequence[Path], Path], list[str]]

    def convert(self, pictures: Sequence[Path], target: Path) -> None:
        """Make the GIF. Raises ContenderFailed."""
        command = [self.command, *self.arguments(pictures, target)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise ContenderFailed(done.stderr.strip().split("\n")[-1][:200])


def _ffmpeg(filters: str, pictures: Sequence[Path], target: Path) -> list[str]:
    pattern = pictures[0].with_name(f"%03d{pictures[0].suffix}")
    return ["-v", "error", "-y", "-threads", "1", "-i", str(pattern),
            "-filter_threads", "1", "-lavfi", filters, str(target)]  # fmt: skip


_PROGRAMS = (
    _Program(ONE_PALETTE, "ffmpeg", "-version", partial(_ffmpeg, _ONE)),
    _Program("ffmpeg, a palette for each", "ffmpeg", "-version", partial(_ffmpeg, _EACH)),
    _Program(
        "ImageMagick",
        "/usr/bin/convert",
        "-version",
        lambda pictures, target: ["-delay", "4", *map(str, pictures), str(target)],
    ),
    _Program(
        "gifski",
        "gifski",
        "--version",
        lambda pictures, target: ["--quiet", "-Q", "100", "-o", str(target), *map(str, pictures)],
    ),
)


def conversion(bench: Bench) -> None:
    """Measure the conversion of three scenes: the processor time of a frame, and its quality."""
    count = 3 if bench.quick else FRAMES
    bench.measurement.notes.append(
        f"Scenes of {count} frames of {SIZE[0]} x {SIZE[1]} pixels, from {PHOTO}. Time is that of "
        "all processors for one frame: decode, reduce to a palette, write the GIF."
    )
    bench.measurement.versions[OURS] = versions(
        IMAGETL.interpreter(), ("imagetl-assets", "pillow", "numpy")
    )
    programs = [program for program in _PROGRAMS if _installed(bench, program)]
    for name, frames in scenes(count).items():
        folder = bench.folder / name.replace(" ", "_")
        folder.mkdir()
        suffix = ".png" if frames[0].startswith(b"\x89PNG") else ".jpg"
        pictures = [folder / f"{number:03}{suffix}" for number in range(len(frames))]
        for path, frame in zip(pictures, frames, strict=True):
            path.write_bytes(frame)
        ours = partial(_ours, frames)
        jobs = [_job(name, OURS, ours, frames, folder / "imagetl.gif")]
        jobs += [
            _job(name, p.name, partial(p.convert, pictures), frames, folder / f"{number}.gif")
            for number, p in enumerate(programs)
        ]
        bench.in_turns(jobs)


def _installed(bench: Bench, program: _Program) -> bool:
    if not shutil.which(program.command):
        bench.skip(program.name, "it is not installed")
        return False
    bench.measurement.versions[program.name] = program_version(program.command, program.version)
    return True


def _ours(frames: Sequence[bytes], target: Path) -> None:
    target.write_bytes(join([to_gif(frame) for frame in frames], duration_ms=40))


def _job(
    work: str,
    contender: str,
    convert: Callable[[Path], None],
    frames: Sequence[bytes],
    target: Path,
) -> Job:
    measured: dict[str, float] = {}

    def run() -> Figures:
        before = _processor_seconds()
        convert(target)
        seconds = (_processor_seconds() - before) / len(frames)
        if not measured:  # it is the same in each round
            measured.update(_quality(frames, target))
        return {TIME: seconds, **measured}

    return Job(work, contender, run)


def _processor_seconds() -> float:
    """Return the processor time of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _quality(frames: Sequence[bytes], clip: Path) -> dict[str, float]:
    """Return the mean PSNR in dB and SSIM in percent of all frames, and the size in MB."""
    from PIL import Image, ImageSequence

    psnr, ssim = [], []
    with Image.open(clip) as animation:
        shown = ImageSequence.Iterator(animation)
        for number, (frame, image) in enumerate(zip(frames, shown, strict=True)):
            with Image.open(io.BytesIO(frame)) as original:
                psnr.append(quality.psnr(original, image))
                if number % 5 == 0:
                    ssim.append(quality.ssim(original, image))
    return {PSNR: fmean(psnr), SSIM: 100 * fmean(ssim), LENGTH: clip.stat().st_size / 1e6}
