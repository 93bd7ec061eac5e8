"""The same photos as a four-newline bundle, in archives and in a folder, and one that grows."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench, Figures, Job
from benchmarks.bundles import photos
from benchmarks.pipelines import IMAGETL, all_at_work, run_once
from benchmarks.results import OURS
from imagetl_assets.sample import SEPARATOR

FOUR_NEWLINES = "as a four-newline bundle"
FIRST_TIME = "the first time"
_NEW = 10


def sources(bench: Bench) -> None:
    """Measure photos (PNG, 640 x 480 pixels) of this machine from each kind of source."""
    count = 4 if bench.quick else 1000
    upstream = bench.folder / "upstream"
    folder = upstream / "photos"
    folder.mkdir(parents=True)
    for number, photo in enumerate(photos(count)):
        (folder / f"{number:04}.png").write_bytes(photo)
    files = sorted(folder.iterdir())
    bundles = {
        "ZIP": _zip(upstream / "photos.zip", files),
        "TAR": _tar(upstream / "photos.tar", files),
        "folder": folder,
    }
    plain = _bundle(upstream / "photos.img", files)
    work = f"{count:,} PNGs"
    with all_at_work(bench, [IMAGETL]) as contenders:
        contender = contenders[OURS]
        few = _bundle(upstream / "few.img", files[:4])
        bench.warm_up([Job("4 PNGs", OURS, partial(run_once, contender, str(few), 4))])
        first = _Remembered(partial(run_once, contender, str(plain), count))
        jobs = [Job(work, OURS, first, rounds=3, warm_up=False)]
        runs = {
            name: _Remembered(partial(run_once, contender, str(path), count))
            for name, path in bundles.items()
        }
        for name, run in runs.items():
            jobs += [
                Job(f"{work} in a {name}", OURS, run, 3, False),
                Job(f"{work} in a {name}", FOUR_NEWLINES, first.again, 3, False),
            ]
        grown = partial(_grown, folder, partial(run_once, contender, f"+{folder}", count + _NEW))
        work = f"a folder of {work} that has grown by {_NEW}"
        jobs += [
            Job(work, OURS, grown, 3, False),
            Job(work, FIRST_TIME, runs["folder"].again, 3, False),
        ]
        bench.in_turns(jobs)


class _Remembered:
    """Work that is done once in a round, and compared with several others."""

    def __init__(self, run: Callable[[], Figures]) -> None:
        self._run = run
        self._figures: Figures = {}

    def __call__(self) -> Figures:
        self._figures = self._run()
        return self._figures

    def again(self) -> Figures:
        """Return the figures of this round."""
        return self._figures


def _grown(folder: Path, run: Callable[[], Figures]) -> Figures:
    """Run a folder with some photos more than it has."""
    new = [folder / f"new-{number}.png" for number in range(_NEW)]
    for path, photo in zip(new, photos(_NEW, seed=1), strict=True):
        path.write_bytes(photo)
    try:
        return run()
    finally:
        for path in new:
            path.unlink()


def _bundle(path: Path, files: list[Path]) -> Path:
    with path.open("wb") as out:
        for number, file in enumerate(files):
            out.write(SEPARATOR * bool(number) + file.read_bytes())
    return path


def _zip(path: Path, files: list[Path]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return path


def _tar(path: Path, files: list[Path]) -> Path:
    with tarfile.open(path, "w") as archive:
        for file in files:
            archive.add(file, file.name)
    return path
