"""How much memory processes need for very large files: no more than for small ones.

    python -m benchmarks.memory            files of 2 GB: a ZIP, a TAR and a video
    python -m benchmarks.memory 8 --only video

Each file is taken to its clip by a run on a cluster of 2 workers. What is told is the peak of the
resident memory of the run's process and of the largest of all processes. The files are made of the
same few images over and over, so they are made in seconds.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.bundles import photos
from benchmarks.contenders import at_work
from benchmarks.pipelines import IMAGETL

GB = 10**9
SIDE = 1200  # pixels, of an image of 4.3 MB
ASSETS = ["raw_data_file", "frames", "frame_files", "clip_gif"]
FRAMES = {"resize": "64"}


def make_zip(path: Path, size: int) -> None:
    """Make a ZIP of stored images."""
    image = _image()
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(size // len(image)):
            archive.writestr(f"{number:04}.bmp", image)


def make_tar(path: Path, size: int) -> None:
    """Make a TAR of images."""
    image = _image()
    with tarfile.open(path, "w") as archive:
        for number in range(size // len(image)):
            header = tarfile.TarInfo(f"{number:04}.bmp")
            header.size = len(image)
            archive.addfile(header, io.BytesIO(image))


def make_video(path: Path, size: int) -> None:
    """Make an H.264 video of 1920 x 1080 pixels: a short one, again and again."""
    short = path.with_name("short.mp4")
    noise = "nullsrc=size=1920x1080:rate=25:duration=1,geq=random(1)*255:128:128"
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "4", "-pix_fmt", "yuv420p"]
    _ffmpeg("-f", "lavfi", "-i", noise, *encoder, str(short))
    again = str(size // short.stat().st_size)
    _ffmpeg("-stream_loop", again, "-i", str(short), "-c", "copy", str(path))


KINDS: dict[str, Callable[[Path, int], None]] = {
    "zip": make_zip,
    "tar": make_tar,
    "video": make_video,
}


def measure(kind: str, size: int, folder: Path) -> None:
    """Make a file of this kind, take it to its clip, and print what that took."""
    file = folder / f"large.{'mp4' if kind == 'video' else kind}"
    KINDS[kind](file, size)
    work = folder / kind
    env = {"IMAGETL_STORAGE": str(work / "storage")}
    ops = {"raw_data_file": {"config": {"url": str(file)}}, "frames": {"config": FRAMES}}
    with at_work(kind, sys.executable, list(IMAGETL.args), work, env) as contender:
        turn = contender.turn(json.dumps({"assets": ASSETS, "ops": ops}))
    gigabytes = file.stat().st_size / GB
    print(
        f"{kind} of {gigabytes:.1f} GB: run's process {turn.main_mb:.0f} MB, largest process "
        f"{turn.largest_mb:.0f} MB, {turn.seconds:.0f} s",
        flush=True,
    )
    file.unlink()


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gigabytes", type=float, nargs="?", default=2)
    parser.add_argument("--only", choices=list(KINDS), nargs="+", default=list(KINDS))
    args = parser.parse_args()
    for kind in args.only:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            measure(kind, round(args.gigabytes * GB), Path(folder))


def _image() -> bytes:
    """Return a photo that is not compressed."""
    from PIL import Image

    (photo,) = photos(1)
    out = io.BytesIO()
    with Image.open(io.BytesIO(photo)) as image:
        image.convert("RGB").resize((SIDE, SIDE)).save(out, "BMP")
    return out.getvalue()


def _ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], check=True)


if __name__ == "__main__":
    main()
