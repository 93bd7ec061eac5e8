"""What each replacement of a private part of Dagster saves: the same run with and without it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from benchmarks.bench import Bench, Job
from benchmarks.bundles import original_frames, served
from benchmarks.pipelines import IMAGETL, all_at_work, run_once
from imagetl_assets.dask_executor.dagster_internals.replacing import VARIABLE
from imagetl_assets.dask_executor.dagster_internals.table import TABLE


def replacements(bench: Bench) -> None:
    """A bundle of 27 frames, warm: without each replacement by itself, and without all of them."""
    count = 3 if bench.quick else 27
    settings = {f"without {row.name}": row.name for row in TABLE if row.purpose == "speed"}
    settings["without all"] = "off"
    without = [
        replace(IMAGETL, name=name, packages=(), env={VARIABLE: setting})
        for name, setting in settings.items()
    ]
    upstream = bench.folder / "upstream"
    upstream.mkdir()
    frames = original_frames()
    bench.measurement.notes.append(f"Bundle: {frames.source}.")
    frames.write(upstream / "frames.img", count)
    with served(upstream) as base, all_at_work(bench, [IMAGETL, *without]) as contenders:
        bench.in_turns(
            [
                Job(f"{count} frames", name, partial(run_once, one, f"{base}/frames.img", count))
                for name, one in contenders.items()
            ]
        )
