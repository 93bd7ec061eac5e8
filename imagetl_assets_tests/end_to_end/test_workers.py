"""The command, a Dask scheduler and two workers, each a process of its own, and what they store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from dagster import DagsterInstance

from imagetl_assets.images.contact_sheet import MOST_SHOWN
from imagetl_assets.sample import sample_bytes
from imagetl_assets.storage import Store, open_store
from testbed import bundles, s3_proxy
from testbed.dask_cluster import DaskProcesses
from testbed.object_store import (
    ObjectStore,
    new_bucket,
    reached,
    uploads_under_way,
)
from testbed.pipeline import Pipeline
from testbed.processes import BIN
from testbed.s3_proxy import S3Proxy
from testbed.shell import REEXECUTE


@dataclass
class Workers:
    """Two workers with their settings, and an instance for the runs on them."""

    address: str
    settings: Mapping[str, str]
    home: Path

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        return self._start(str(BIN / "imagetl"), "run", name)

    def reexecute(self) -> subprocess.CompletedProcess[str]:
        """Re-execute the last run from failure."""
        return self._start(sys.executable, REEXECUTE)

    @property
    def upstream(self) -> Store:
        return open_store(self.settings["IMAGETL_UPSTREAM"])

    @property
    def storage(self) -> Store:
        return open_store(self.settings["IMAGETL_STORAGE"])

    def _start(self, *program: str) -> subprocess.CompletedProcess[str]:
        own = {"DAGSTER_HOME": str(self.home), "DASK_SCHEDULER_ADDRESS": self.address}
        return subprocess.run(
            program,
            env={**os.environ, **self.settings, **own},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=240,
        )


@contextmanager
def workers(folder: Path, settings: Mapping[str, str]) -> Iterator[Workers]:
    """Start a scheduler, and two workers with these settings."""
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    dask = DaskProcesses(folder)
    try:
        dask.start_scheduler()
        dask.start_workers(2, env=settings)
        yield Workers(dask.address, settings, home)
    finally:
        dask.stop()


@pytest.fixture(scope="module")
def proxy(swift_store: ObjectStore) -> Iterator[S3Proxy]:
    with s3_proxy.proxied(swift_store) as running:
        yield running


@pytest.fixture(scope="module")
def bucket(proxy: S3Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with workers_on_bucket(proxy, tmp_path_factory.mktemp("bucket")) as running:
        yield running


@contextmanager
def workers_on_bucket(proxy: S3Proxy, folder: Path) -> Iterator[Workers]:
    """Start workers whose upstream and storage are in one bucket."""
    place = f"s3://{new_bucket(proxy.store)}"
    settings = {
        **proxy.store.settings,
        "AWS_MAX_ATTEMPTS": "3",  # so that what stays wrong is told sooner
        "IMAGETL_UPSTREAM": f"{place}/upstream",
        "IMAGETL_STORAGE": f"{place}/results",
    }
    with reached(proxy.store), workers(folder, settings) as running:
        yield running


def expected(name: str, bundle: bytes, folder: Path) -> dict[str, bytes]:
    """Return the files that the job stores for a bundle in a folder, without any cluster."""
    upstream, storage = folder / "upstream", folder / "storage"
    upstream.mkdir()
    (upstream / name).write_bytes(bundle)
    with DagsterInstance.ephemeral() as instance:
        assert Pipeline(storage, str(upstream), instance).run(name).success
    place = storage / name
    files = [path for path in place.rglob("*") if path.is_file() and ".imagetl" not in path.parts]
    return {f"{name}/{path.relative_to(place).as_posix()}": path.read_bytes() for path in files}


def check(storage: Store, files: Mapping[str, bytes]) -> None:
    """Compare what is stored with the files that should be."""
    assert dict(zip(files, storage.read_many(list(files)), strict=True)) == files


def test_from_bucket_to_bucket(bucket: Workers, proxy: S3Proxy, tmp_path: Path) -> None:
    """A store that is busy every third time changes nothing."""
    files = expected("a [1] ü.img", sample_bytes(27), tmp_path)
    bucket.upstream.write("a [1] ü.img", sample_bytes(27))
    proxy.reset()
    proxy.busy = lambda request: request.number % 3 == 0
    done = bucket.run("a [1] ü.img")
    assert done.returncode == 0, done.stderr
    assert proxy.faults["busy"] > 9
    proxy.reset()
    check(bucket.storage, files)
    assert f"{bucket.storage.root}/a [1] ü.img/clip.gif" in done.stdout
    logs = [path for path in bucket.home.rglob("*") if path.is_file()]
    assert len(logs) > 3
    assert not any(proxy.store.secret.encode() in path.read_bytes() for path in logs)


def test_the_real_bundle_from_bucket_to_bucket(
    bucket: Workers, proxy: S3Proxy, tmp_path: Path
) -> None:
    bundle = bundles.real_bundle()
    files = expected("all-images.img", bundle, tmp_path)
    bucket.upstream.write("all-images.img", bundle)
    proxy.reset()
    done = bucket.run("all-images.img")
    assert done.returncode == 0, done.stderr
    frames = sum("/frames/" in request.key for request in proxy.requests)
    ranges = sum(
        request.kind == "GET" and request.key.endswith("image-data.img")
        for request in proxy.requests
    )
    # Where a store can create only, frames are written in place; else they are copied and deleted.
    times = 1 if bucket.storage.creates_only_new else 3
    assert frames == 27 * times + MOST_SHOWN  # some are read for the contact sheet
    assert ranges <= 27
    check(bucket.storage, files)


def test_a_clip_that_is_cut_off_is_made_by_a_reexecution(
    bucket: Workers, proxy: S3Proxy, tmp_path: Path
) -> None:
    files = expected("cut.img", sample_bytes(5), tmp_path)
    bucket.upstream.write("cut.img", sample_bytes(5))
    proxy.reset()
    proxy.cut_upload = lambda request: request.key.endswith("/clip.gif")
    done = bucket.run("cut.img")
    assert done.returncode == 1
    assert f"{bucket.storage.root}/cut.img/clip.gif: " in done.stderr
    assert "Traceback" not in done.stderr
    proxy.reset()
    assert bucket.storage.state("cut.img/clip.gif") is None
    assert bucket.reexecute().returncode == 0
    assert not any("/frames/" in request.key for request in proxy.requests)
    check(bucket.storage, files)


def test_a_large_clip_that_is_cut_off_in_the_middle_is_made_by_a_reexecution(
    moto_store: ObjectStore, tmp_path: Path
) -> None:
    """In a store that tells which uploads are unfinished."""
    bundle = bundles.noise(frames=24)
    files = expected("large.img", bundle, tmp_path)
    with (
        s3_proxy.proxied(moto_store) as proxy,
        workers_on_bucket(proxy, tmp_path) as bucket,
    ):
        bucket.upstream.write("large.img", sample_bytes(3))
        assert bucket.run("large.img").returncode == 0
        before = bucket.storage.read("large.img/clip.gif")
        bucket.upstream.write("large.img", bundle)
        proxy.reset()
        parts = count(1)
        proxy.cut_upload = lambda request: (
            request.key.endswith("/new-clip.gif")
            and request.kind == "PUT upload"
            and next(parts) > 1  # the first part arrives
        )
        done = bucket.run("large.img")
        assert done.returncode == 1
        assert f"{bucket.storage.root}/large.img/" in done.stderr
        assert "/new-clip.gif: " in done.stderr
        assert proxy.count()["PUT upload"] > proxy.faults["upload"] > 0
        proxy.reset()
        assert bucket.storage.read("large.img/clip.gif") == before
        assert uploads_under_way(bucket.storage.root) == []
        assert bucket.reexecute().returncode == 0
        assert not any("/frames/" in request.key for request in proxy.requests)
        check(bucket.storage, files)
        assert uploads_under_way(bucket.storage.root) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_full(small_disk: Path, tmp_path: Path) -> None:
    bundle = sample_bytes(20)
    files = expected("a.img", bundle, tmp_path)
    storage = small_disk / "storage"
    settings = {"IMAGETL_UPSTREAM": str(tmp_path / "upstream"), "IMAGETL_STORAGE": str(storage)}
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(3 * 1024 * 1024 - len(bundle) * 3 // 2))
    with workers(tmp_path, settings) as local:
        done = local.run("a.img")
        assert done.returncode == 1
        assert f"{storage}/a.img/" in done.stderr
        assert "disk full" in done.stderr
        assert "Traceback" not in done.stderr
        assert not [path for path in storage.rglob("*") if path.name.endswith(".tmp")]
        assert not (storage / "a.img/clip.gif").exists()
        assert not (storage / "a.img/frames").exists()
        ballast.unlink()
        assert local.reexecute().returncode == 0
        check(local.storage, files)
