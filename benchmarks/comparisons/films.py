"""A video to a GIF, and photos to an MP4, compared with FFmpeg's own program."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, Figures, Job, timed
from benchmarks.bundles import photos
from benchmarks.contenders import Contender, ContenderFailed
from benchmarks.environments import program_version
from benchmarks.pipelines import IMAGETL, LARGEST_MEMORY, MAIN_MEMORY, all_at_work
from benchmarks.results import OURS, TIME
from benchmarks.scenes import panorama

ONE_CORE, TWO_THREADS = "ffmpeg on one core", "ffmpeg with 2 threads"
VIDEO = "60 s of 1080p to a GIF, 480 pixels wide, 10 frames a second"
_PHOTOS = 500
_STORED = ["raw_data_file", "frames", "frame_files"]
_GIF = "fps=10,scale=480:-2:flags=lanczos,split[a][b];[a]palettegen[p];[b][p]paletteuse"


def photos_work(count: int = _PHOTOS) -> str:
    """Return the name of the work: so many photos to a film."""
    return f"{count:,} PNGs, which are stored, to an MP4"


def films(bench: Bench) -> None:
    """Measure both. The MP4 is made of what an earlier run has stored: only `clip_mp4` is made."""
    if not shutil.which("ffmpeg"):
        bench.skip(ONE_CORE, "it is not installed")
        return
    version = program_version("ffmpeg", "-version")
    bench.measurement.versions.update({ONE_CORE: version, TWO_THREADS: version})
    with all_at_work(bench, [IMAGETL]) as contenders:
        ours = contenders[OURS]
        _film(bench, ours)
        _photos(bench, ours)


def _film(bench: Bench, ours: Contender) -> None:
    seconds = 2 if bench.quick else 60
    short, film, gif = (bench.folder / name for name in ("short.mp4", "film.mp4", "film.gif"))
    _make_film(short, 2)
    _make_film(film, seconds)

    def gif_of(video: Path) -> Figures:
        ops = {"raw_data_file": {"url": str(video)}, "frames": {"take_fps": 10, "resize": "480"}}
        return _run(ours, [*_STORED, "clip_gif"], ops, "clip.gif")

    bench.warm_up([Job("2 s of it", OURS, partial(gif_of, short))])
    theirs = ["-threads", "1", "-i", str(film), "-filter_threads", "1",
              "-filter_complex_threads", "1", "-lavfi", _GIF, str(gif)]  # fmt: skip
    work = f"{seconds}{VIDEO.removeprefix('60')}"
    bench.in_turns(
        [
            Job(work, OURS, partial(gif_of, film), 3, False),
            Job(work, ONE_CORE, timed(partial(_ffmpeg, theirs)), 3, False),
        ]
    )


def _photos(bench: Bench, ours: Contender) -> None:
    count = 4 if bench.quick else _PHOTOS
    bundle, folder = bench.folder / "photos.zip", bench.folder / "photos"
    folder.mkdir()
    with zipfile.ZipFile(bundle, "w") as archive:
        for number, photo in enumerate(photos(count)):
            (folder / f"{number:04}.png").write_bytes(photo)
            archive.writestr(f"{number:04}.png", photo)
    _run(ours, _STORED, {"raw_data_file": {"url": str(bundle)}})
    theirs = ["-threads", "2", "-framerate", "10", "-i", str(folder / "%04d.png"),
              "-c:v", "libx264", "-threads", "2", "-crf", "20", "-pix_fmt", "yuv420p",
              "-movflags", "+faststart", str(bench.folder / "photos.mp4")]  # fmt: skip
    work = photos_work(count)
    bench.in_turns(
        [
            Job(work, OURS, partial(_run, ours, ["clip_mp4"], {}, "clip.mp4"), 3, False),
            Job(work, TWO_THREADS, timed(partial(_ffmpeg, theirs)), 3, False),
        ]
    )


def _make_film(path: Path, seconds: int) -> None:
    """Make a video of 1920 x 1080 pixels and 30 frames a second: a way over a large photo."""
    photo = path.with_suffix(".png")
    panorama((2400, 2400)).save(photo)
    way = f"crop=1920:1080:(iw-1920)*t/{seconds}:(ih-1080)*t/{seconds}"
    source = ["-loop", "1", "-framerate", "30", "-t", str(seconds), "-i", str(photo), "-vf", way]
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"]
    _ffmpeg([*source, *encoder, str(path)])


def _run(ours: Contender, assets: Sequence[str], ops: Mapping[str, Any], made: str = "") -> Figures:
    """Let our contender make these assets, with config of some; look for the file that is made."""
    asked = {"assets": assets, "ops": {name: {"config": config} for name, config in ops.items()}}
    kept = "" if "raw_data_file" in assets else "+"
    turn = ours.turn(kept + json.dumps(asked))
    if made and not any(ours.folder.rglob(made)):
        raise ContenderFailed(f"it has made no {made}")
    return {TIME: turn.seconds, MAIN_MEMORY: turn.main_mb, LARGEST_MEMORY: turn.largest_mb}


def _ffmpeg(arguments: Sequence[str]) -> None:
    command = ["ffmpeg", "-v", "error", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise ContenderFailed(done.stderr.strip().split("\n")[-1][:200])
