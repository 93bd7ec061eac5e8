"""How time and memory grow with the work: frames, steps, bundles, bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import islice, repeat
from pathlib import Path

from benchmarks.bench import Bench, Figures, Job
from benchmarks.bundles import served
from benchmarks.contenders import Contender, at_work
from benchmarks.dagster_runs import STEPS_TURN
from benchmarks.environments import versions
from benchmarks.pipelines import IMAGETL, figures_of, run_once
from benchmarks.results import OURS, TIME, TIME_FOR_EACH
from imagetl_assets.sample import SEPARATOR
from testbed.bundles import noise, small_bundle, tiny_frame

FRAMES, STEPS, BUNDLES, SIZE = "tiny frames", "mapped steps", "bundles", "GB"
COUNTS: Mapping[str, tuple[int, ...]] = {
    FRAMES: (1_000, 10_000, 100_000),
    STEPS: (1_000, 5_000),
    BUNDLES: (50, 1_000),
    SIZE: (1, 2),
}
_QUICK: Mapping[str, tuple[int, ...]] = {FRAMES: (10,), STEPS: (10,), BUNDLES: (2,)}
_FRAMES_OF_BUNDLE = 3
_WARM_UP = 10
_GB = 10**9


def growth(bench: Bench) -> None:
    """Measure each amount of work on a warm cluster of two workers."""
    bench.measurement.versions[OURS] = versions(IMAGETL.interpreter(), IMAGETL.packages)
    counts = _QUICK if bench.quick else COUNTS
    upstream = bench.folder / "upstream"
    upstream.mkdir()
    with ExitStack() as stack:
        base = stack.enter_context(served(upstream))
        folder = bench.folder / "run"
        env = {"IMAGETL_STORAGE": str(folder / "storage"), "IMAGETL_UPSTREAM": base}
        contender = stack.enter_context(
            at_work(OURS, IMAGETL.interpreter(), list(IMAGETL.args), folder, env)
        )
        works = _works(contender, upstream, base)
        works[FRAMES](_WARM_UP)
        bench.in_turns(
            [
                Job(
                    f"{count:,} {kind}", OURS, partial(_for_each, works[kind], count), warm_up=False
                )
                for kind, of_kind in counts.items()
                for count in of_kind
            ]
        )


def _for_each(work: Callable[[int], Figures], count: int) -> Figures:
    figures = work(count)
    return {**figures, TIME_FOR_EACH: figures[TIME] / count * 1000}


def _works(
    contender: Contender, upstream: Path, base: str
) -> Mapping[str, Callable[[int], Figures]]:
    """Return what does so much of each kind of work."""

    def frames(count: int) -> Figures:
        _write(upstream / "frames.img", (tiny_frame(n) for n in range(count)))
        return run_once(contender, f"{base}/frames.img", count)

    def bundles(count: int) -> Figures:
        first = upstream / "bundle-0.img"
        first.write_bytes(small_bundle(_FRAMES_OF_BUNDLE))
        for number in range(1, count):
            shutil.copy(first, upstream / f"bundle-{number}.img")
        return run_once(contender, str(count), count * _FRAMES_OF_BUNDLE)

    def gigabytes(count: int) -> Figures:
        frame = noise(1)
        number = count * _GB // len(frame)
        _write(upstream / "large.img", islice(repeat(frame), number))
        return run_once(contender, f"{base}/large.img", number)

    def steps(count: int) -> Figures:
        turn = contender.turn(f"{STEPS_TURN} {count}")
        return figures_of(turn)

    return {FRAMES: frames, STEPS: steps, BUNDLES: bundles, SIZE: gigabytes}


def _write(path: Path, frames: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        for number, frame in enumerate(frames):
            file.write(SEPARATOR * bool(number) + frame)
