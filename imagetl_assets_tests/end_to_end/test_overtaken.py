"""A run is stopped, a newer run of newer content comes to its end, and the old one goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
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
    "while it stores frames": (f"{ASSETS}.store_frames:store_frame_batch", "frames."),
    "before it publishes the frames": (
        "imagetl_assets.storage.publishing:_frame_files",
        "frames.collect_frames",
    ),
    "while it assembles the clip": (f"{ASSETS}.clips:read_parts", "clip_gif"),
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
        old = subprocess.Popen(
            [sys.executable, "-m", "imagetl_assets_tests.end_to_end.stopping_run", *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            wait_for(lambda: psutil.Process(old.pid).status() == psutil.STATUS_STOPPED, 60)
            newest = bundles.small_bundle(6, shade=3)
            (upstream / FILE).write_bytes(newest)
            assert pipeline.run().success
            before = visible(open_store(storage))
            psutil.Process(old.pid).resume()
            told, _ = old.communicate(timeout=120)
        finally:
            old.kill()
        assert old.returncode == 1
        assert told.startswith(step)
        # A mapped step looks at the raw file first, which is the newer run's now.
        said = "replaced, perhaps by another run" if step == "frames." else "has taken over"
        assert said in told
        assert visible(open_store(storage)) == before
        clip = bundles.pixels(before[f"{FILE}/clip.gif"])
        assert clip == [bundles.pixels(piece)[0] for piece in bundles.pieces(newest)]
