"""The project next to itself: results in a bucket instead of a folder."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from functools import partial

from benchmarks.bench import Bench, Figures, Job
from benchmarks.bundles import original_frames, served
from benchmarks.contenders import Contender, at_work
from benchmarks.environments import versions
from benchmarks.pipelines import IMAGETL
from benchmarks.results import OURS, TIME
from imagetl_assets_tests.pipeline.object_store import KINDS, create_bucket, missing

FOLDER = "imagetl, in a folder"
BUCKET = "benchmark"


def object_store(bench: Bench) -> None:
    """A bundle over HTTP, its results in a store with the S3 API on this machine."""
    reasons = {kind: missing(kind) for kind in ("swift", "moto")}
    kind = next((kind for kind, reason in reasons.items() if reason is None), None)
    if kind is None:
        bench.skip("object store", "; ".join(f"{k}: {reason}" for k, reason in reasons.items()))
        return
    frames = original_frames()
    counts = [3] if bench.quick else [27, 1000]
    bench.measurement.notes += [f"Bundle: {frames.source}.", f"Object store: {kind}."]
    bench.measurement.versions[OURS] = versions(IMAGETL.interpreter(), (*IMAGETL.packages, "s3fs"))
    upstream = bench.folder / "upstream"
    upstream.mkdir()
    with served(upstream) as base, ExitStack() as stack:
        store = stack.enter_context(KINDS[kind](bench.folder / "store", 0))
        create_bucket(store, BUCKET)
        in_bucket = stack.enter_context(
            _started(bench, "bucket", IMAGETL_STORAGE=f"s3://{BUCKET}/results", **store.settings)
        )
        storage = str(bench.folder / "folder" / "storage")
        in_folder = stack.enter_context(_started(bench, "folder", IMAGETL_STORAGE=storage))
        for count in counts:
            frames.write(upstream / f"{count}.img", count)
            work, url = f"{count:,} frames", f"{base}/{count}.img"
            bench.in_turns(
                [
                    Job(work, OURS, partial(_run, in_bucket, url), rounds=3),
                    Job(work, FOLDER, partial(_run, in_folder, url), rounds=3),
                ]
            )


def _started(bench: Bench, name: str, **settings: str) -> AbstractContextManager[Contender]:
    args = list(IMAGETL.args)
    return at_work(name, IMAGETL.interpreter(), args, bench.folder / name, settings)


def _run(contender: Contender, url: str) -> Figures:
    return {TIME: contender.turn(url).seconds}
