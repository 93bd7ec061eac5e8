"""A run is stopped, a newer run of newer content comes to its end, and the old one goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import pytest
from dagster import DagsterInstance

from imagetl_assets.storage import Store, open_store
from testbed import bundles
from testbed.object_store import new_bucket, reached
from testbed.pipeline import Pipeline
from testbed.processes import wait_for

FILE = "all-images.img"
ASSETS = "imagetl_assets.assets"

# Where the old run is stopped, and the step that fails.
PLACES = {
    "while it downloads": (f"{ASSETS}.download:_copy", "raw_data_file"),
    "before it stores the record of the raw file": (f"{ASSETS}.download:_state", "raw_data_file"),
    "before it looks which frames to store": ("imagetl_assets.keep_one:KeepOne.get", "frames."),
    "while it stores frames": (f"{ASSETS}.store_frames:store_frame_batch", "frames."),
    "before it publishes the frames": (
        "imagetl_assets.storage.publishing:_frame_files",
        "frames.collect_frames",
    ),
    "while it assembles the clip": (f"{ASSETS}.clip_file:HashingWriter.write", "clip_gif"),
    "before it moves the clip": ("imagetl_assets.storage.claims:Claim.check", ""),
}


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "storage")
        return
    store = request.getfixturevalue("moto_store")
    with reached(store):
        yield f"s3://{new_bucket(store)}/results"


def visible(store: Store) -> Mapping[str, bytes]:
    """All that is stored of the file, without what is being made."""
    paths = [f"{FILE}/{name}" for name in store.list_files(FILE)]
    for folder in ("frames", ".imagetl"):
        paths += [f"{FILE}/{folder}/{name}" for name in store.list_files(f"{FILE}/{folder}")]
    return dict(zip(paths, store.read_many(paths), strict=True))


def start(arguments: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "imagetl_assets_tests.end_to_end.stopping_run", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_until_stopped(run: subprocess.Popen[str]) -> None:
    wait_for(lambda: psutil.Process(run.pid).status() == psutil.STATUS_STOPPED, 60)


def resumed(run: subprocess.Popen[str]) -> str:
    """Let a run go on to its end; return what it tells."""
    psutil.Process(run.pid).resume()
    told, _ = run.communicate(timeout=120)
    return told


@pytest.mark.parametrize("place", PLACES)
def test_the_newer_results_stay(tmp_path: Path, storage: str, place: str) -> None:
    upstream = tmp_path / "upstream"
    upstream.mkdir()
    function, step = PLACES[place]
    arguments = [str(tmp_path / "old"), str(upstream), storage, function]
    with DagsterInstance.ephemeral() as instance:
        pipeline = Pipeline(tmp_path / "new", str(upstream), instance, storage)
        (upstream / FILE).write_bytes(bundles.small_bundle(5, shade=1))
        assert pipeline.run().success
        (upstream / FILE).write_bytes(bundles.small_bundle(4, shade=2))
        old = start(arguments)
        try:
            wait_until_stopped(old)
            newest = bundles.small_bundle(6, shade=3)
            (upstream / FILE).write_bytes(newest)
            assert pipeline.run().success
            before = visible(open_store(storage))
            told = resumed(old)
        finally:
            old.kill()
        assert old.returncode == 1
        assert told.startswith(step)
        # A mapped step looks at the raw file first, which is the newer run's now.
        by_raw = place == "while it stores frames"
        said = "replaced, perhaps by another run" if by_raw else "has taken over"
        assert said in told
        assert visible(open_store(storage)) == before
        clip = bundles.pixels(before[f"{FILE}/clip.gif"])
        assert clip == [bundles.pixels(piece)[0] for piece in bundles.pieces(newest)]


def test_an_older_run_does_not_end_what_a_newer_one_is_at(tmp_path: Path, storage: str) -> None:
    """Both are stopped before they store frames; the older one goes on, and finds other frames."""
    upstream = tmp_path / "upstream"
    upstream.mkdir()
    function, _ = PLACES["before it looks which frames to store"]
    runs: list[subprocess.Popen[str]] = []
    try:
        for name, shade in (("old", 1), ("new", 2)):
            (upstream / FILE).write_bytes(bundles.small_bundle(4, shade=shade))
            runs.append(start([str(tmp_path / name), str(upstream), storage, function]))
            wait_until_stopped(runs[-1])
        old, new = [resumed(run) for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert old.startswith("frames.")
    assert "a newer run of the same file, which started at" in old
    assert (new, runs[1].returncode) == ("", 0)
