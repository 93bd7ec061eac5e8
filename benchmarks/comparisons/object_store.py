"""Results in a bucket, compared with results in a folder and with a plain script."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from functools import partial

from benchmarks.bench import Bench, Figures, Job, timed
from benchmarks.bundles import original_frames, served
from benchmarks.contenders import Contender, at_work
from benchmarks.environments import versions
from benchmarks.object_store import run_on, script_on
from benchmarks.pipelines import IMAGETL
from benchmarks.results import OURS, TIME
from testbed.object_store import KINDS, ObjectStore, create_bucket, missing

FOLDER = "imagetl, in a folder"
SCRIPT = "plain s3fs script"
BUCKET = "benchmark"


def object_store(bench: Bench) -> None:
    """Measure runs that store in a bucket of an object store on this machine."""
    reasons = {kind: missing(kind) for kind in ("swift", "moto")}
    kind = next((kind for kind, reason in reasons.items() if reason is None), None)
    if kind is None:
        bench.skip("object store", "; ".join(f"{k}: {reason}" for k, reason in reasons.items()))
        return
    bench.measurement.notes.append(f"Object store: {kind}.")
    bench.measurement.versions[OURS] = versions(IMAGETL.interpreter(), (*IMAGETL.packages, "s3fs"))
    with KINDS[kind](bench.folder / "store", 0) as store:
        _bucket_and_folder(bench, store)
        _bucket_and_script(bench, store)


def _bucket_and_folder(bench: Bench, store: ObjectStore) -> None:
    frames = original_frames()
    counts = [3] if bench.quick else [27, 1000]
    bench.measurement.notes.append(f"Bundle, over HTTP: {frames.source}.")
    upstream = bench.folder / "upstream"
    upstream.mkdir()
    with served(upstream) as base, ExitStack() as stack:
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


def _bucket_and_script(bench: Bench, store: ObjectStore) -> None:
    """Compare with a script that moves the same bytes. The bundle is in the bucket, too.

    Both sides have two processes.
    """
    for count in [3] if bench.quick else [27, 1000]:
        bundle = bench.folder / "bundle.img"
        original_frames().write(bundle, count)
        work, folder = f"{count:,} frames, from bucket to bucket", bench.folder / f"run-{count}"
        with run_on(store, folder, bundle) as run, script_on(store, bundle) as script:
            bench.in_turns([Job(work, OURS, timed(run)), Job(work, SCRIPT, timed(script))])


def _started(bench: Bench, name: str, **settings: str) -> AbstractContextManager[Contender]:
    args = list(IMAGETL.args)
    return at_work(name, IMAGETL.interpreter(), args, bench.folder / name, settings)


def _run(contender: Contender, url: str) -> Figures:
    return {TIME: contender.turn(url).seconds}
