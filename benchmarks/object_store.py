"""A bundle from bucket to bucket, compared with a plain s3fs script that moves the same bytes.

    python -m benchmarks.object_store

An object store (OpenStack Swift or moto's server) is started for it. The job runs on a warm cluster
of 2 workers. The script has 2 warm processes: it streams the bundle from and to the bucket, uploads
the frames many at a time, and streams a clip of the same size. Job and script run in turns (A, B,
A, B) after one round that is not recorded; the figures are medians. Requests are counted in a
separate run.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from dagster import DagsterInstance, execute_job

from benchmarks.bundles import original_frames
from imagetl_assets.images.bundle import FrameSpan, find_frames
from imagetl_assets.storage import open_store
from testbed.dask_cluster import DaskProcesses
from testbed.environment import variables
from testbed.object_store import (
    KINDS,
    ObjectStore,
    missing,
    new_bucket,
    reached,
)
from testbed.s3_proxy import S3Proxy, proxied

PROCESSES = 2
BLOCK = 8 * 1024 * 1024


@dataclass(frozen=True)
class Figures:
    """Seconds of the job and of the script, and the requests of the job, for a number of frames."""

    frames: int
    run: float
    script: float
    requests: int

    @property
    def ratio(self) -> float:
        return self.run / self.script

    @property
    def requests_per_frame(self) -> float:
        return self.requests / self.frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=list(KINDS), default="swift")
    parser.add_argument("--frames", type=int, nargs="*", default=[27, 1000], help="75 kB each")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for frames in options.frames:
        result = measure(options.kind, frames, options.rounds)
        print(
            f"{frames:,} frames: {result.run:.2f} s, script {result.script:.2f} s, "
            f"{result.ratio:.2f} times as long; {result.requests:,} requests, "
            f"{result.requests_per_frame:.2f} a frame",
            flush=True,
        )


def measure(kind: str = "swift", frames: int = 1000, rounds: int = 5) -> Figures:
    """Start a store and a cluster, and measure."""
    if problem := missing(kind):
        raise SystemExit(f"{kind} cannot be started: {problem}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = stack.enter_context(KINDS[kind](folder / "store", 0))
        bundle = folder / "bundle.img"
        original_frames().write(bundle, frames)
        with run_on(store, folder / "direct", bundle) as run, script_on(store, bundle) as script:
            run_seconds, script_seconds = in_turns(rounds, run, script)
        with proxied(store) as proxy, run_on(proxy.store, folder / "counted", bundle) as run:
            requests = count(proxy, run)
    return Figures(frames, run_seconds, script_seconds, requests)


def count(proxy: S3Proxy, run: Callable[[], object]) -> int:
    proxy.reset()
    run()
    return len(proxy.requests)


@contextmanager
def run_on(store: ObjectStore, folder: Path, bundle: Path) -> Iterator[Callable[[], float]]:
    """Yield a function that runs the job for the bundle and returns the seconds."""
    place = f"s3://{new_bucket(store)}"
    settings = {
        "IMAGETL_UPSTREAM": f"{place}/upstream",
        "IMAGETL_STORAGE": f"{place}/results",
        "DAGSTER_HOME": str(folder),
    }
    folder.mkdir()
    dask = DaskProcesses(folder)
    with ExitStack() as stack:
        stack.enter_context(reached(store))
        stack.enter_context(variables(settings))
        upload(bundle, f"{place}/upstream")
        stack.callback(dask.stop)
        dask.start_scheduler()
        dask.start_workers(PROCESSES, env={**store.settings, **settings})
        overrides = {"telemetry": {"enabled": False}}
        instance = stack.enter_context(DagsterInstance.local_temp(str(folder), overrides))
        yield lambda: run_once(instance, dask)


def upload(bundle: Path, folder: str) -> None:
    with bundle.open("rb") as file, open_store(folder).create("bundle.img") as out:
        while block := file.read(BLOCK):
            out.write(block)


def run_once(instance: DagsterInstance, dask: DaskProcesses) -> float:
    """Run the job for a new partition; return the seconds."""
    from dagster._core.definitions.reconstruct import ReconstructableRepository

    repository = ReconstructableRepository.for_module("imagetl_assets.definitions", "defs")
    job = repository.get_reconstructable_job("image_etl")
    source = f"{os.environ['IMAGETL_UPSTREAM']}/bundle.img"
    tags = {
        "dagster/partition": f"{time.monotonic_ns()}.img",
        ".dagster/imagetl_storage": os.environ["IMAGETL_STORAGE"],
    }
    config = {
        "ops": {"raw_data_file": {"config": {"url": source}}},
        "loggers": {"console": {"config": {"log_level": "ERROR"}}},
        **dask.run_config(),
    }
    begin = time.perf_counter()
    assert execute_job(job, instance, run_config=config, tags=tags).success
    return time.perf_counter() - begin


@contextmanager
def script_on(store: ObjectStore, bundle: Path) -> Iterator[Callable[[], float]]:
    """Yield a function that runs the plain script and returns the seconds."""
    place = new_bucket(store)
    with bundle.open("rb") as file:
        spans = [piece for piece in find_frames(file) if isinstance(piece, FrameSpan)]
    shares = [spans[i::PROCESSES] for i in range(PROCESSES)]
    context = multiprocessing.get_context("spawn")
    with reached(store), ProcessPoolExecutor(PROCESSES, context) as pool:
        upload(bundle, f"s3://{place}/upstream")

        def script() -> float:
            begin = time.perf_counter()
            source = f"{place}/upstream/bundle.img"
            pool.submit(stream, source, f"{place}/image-data.img").result()
            list(pool.map(put_frames, [bundle] * PROCESSES, [place] * PROCESSES, shares))
            pool.submit(put_clip, bundle, f"{place}/clip.gif").result()
            return time.perf_counter() - begin

        yield script


def stream(source: str, target: str) -> None:
    """Copy a file of the bucket by reading and writing it in this process."""
    from s3fs import S3FileSystem

    fs = S3FileSystem()
    with (
        fs.open(source, "rb", block_size=BLOCK) as file,
        fs.open(target, "wb", block_size=BLOCK) as out,
    ):
        while block := file.read(BLOCK):
            out.write(block)


def put_frames(bundle: Path, place: str, spans: list[FrameSpan]) -> None:
    """Upload the frames, as many at a time as s3fs chooses."""
    from s3fs import S3FileSystem

    with bundle.open("rb") as file:
        frames = {}
        for span in spans:
            file.seek(span.offset)
            frames[f"{place}/frames/{span.number:04d}.gif"] = file.read(span.length)
    S3FileSystem().pipe(frames)


def put_clip(bundle: Path, target: str) -> None:
    """Upload a local file in blocks."""
    from s3fs import S3FileSystem

    with bundle.open("rb") as file, S3FileSystem().open(target, "wb", block_size=BLOCK) as out:
        while block := file.read(BLOCK):
            out.write(block)


def in_turns(rounds: int, *jobs: Callable[[], float]) -> list[float]:
    """Run each job in each round; return the median seconds of each."""
    seconds: list[list[float]] = [[] for _ in jobs]
    for counts in [False] + [True] * rounds:
        for job, taken in zip(jobs, seconds, strict=True):
            figure = job()
            if counts:
                taken.append(figure)
    return [median(taken) for taken in seconds]


if __name__ == "__main__":
    main()
