"""Storages that cannot be used: one line that names the path, and no second attempt."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagetl_assets.storage import StoreError, open_store
from imagetl_assets.storage.local import LocalStore
from imagetl_assets.upstream import Known, Limits, PermanentError, open_upstream
from imagetl_assets.upstream.listing import list_upstream
from imagetl_assets_tests.disks import mounted
from testbed import bundles
from testbed.http_server import HttpServer
from testbed.pipeline import Pipeline


def failure_at(pipeline: Pipeline, server: HttpServer, root: Path) -> str:
    """Return the one line by which a run fails that stores there, at its first attempt."""
    server.add_file("/all-images.img", bundles.small_bundle(2))
    pipeline.root = root
    outcome = pipeline.run()
    assert not any(event.is_step_up_for_retry for event in outcome.result.all_events)
    assert "\n" not in outcome.failure
    return outcome.failure


def test_a_root_that_lies_below_a_file(
    pipeline: Pipeline, server: HttpServer, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for root in (tmp_path / "file", tmp_path / "file" / "storage"):
        told = failure_at(pipeline, server, root)
        assert told.startswith(f"{root}/")
        assert told.endswith(" cannot be written: a file is where a folder has to be")


def test_a_root_where_no_folder_can_be_made(pipeline: Pipeline, server: HttpServer) -> None:
    told = failure_at(pipeline, server, Path("/proc/nowhere/storage"))
    assert told.startswith("/proc/nowhere/storage/")


def test_a_name_that_is_too_long(pipeline: Pipeline, server: HttpServer, tmp_path: Path) -> None:
    told = failure_at(pipeline, server, tmp_path / ("x" * 300))
    assert told.endswith(" cannot be written: file name too long")


def test_a_disk_that_is_read_only(pipeline: Pipeline, server: HttpServer, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro"):
        told = failure_at(pipeline, server, tmp_path / "disk" / "storage")
    assert told.startswith(f"{tmp_path}/disk/storage/")
    assert told.endswith(" cannot be written: read-only file system")


def test_nothing_can_be_changed_on_a_disk_that_is_read_only(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "rw"):
        store = open_store(str(disk))
        store.write("a.img/clip.gif", b"GIF")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        changes: dict[str, Callable[[], object]] = {
            "a.img": lambda: store.delete_folder("a.img"),
            "a.img/clip.gif": lambda: store.delete_many(["a.img/clip.gif"]),
            "a.img/frames": lambda: store.prepare_folder("a.img/frames"),
            "a.img/clips/clip.gif": lambda: store.move("a.img/clip.gif", "a.img/clips/clip.gif"),
        }
        for name, change in changes.items():
            told = f"{re.escape(name)} cannot be written: read-only file system"
            with pytest.raises(StoreError, match=told):
                change()


def test_a_disk_without_any_room(pipeline: Pipeline, server: HttpServer, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4k"):
        (tmp_path / "disk" / "all of it").write_bytes(bytes(4096))
        told = failure_at(pipeline, server, tmp_path / "disk" / "storage")
    assert told.startswith(f"{tmp_path}/disk/storage/")
    assert told.endswith(": disk full; make room and run it again")


# Identities


def test_a_folder_keeps_its_identity_whoever_comes_first(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def ask(_: int) -> str:
        barrier.wait()
        return LocalStore(str(tmp_path)).identity()

    with ThreadPoolExecutor(8) as pool:
        (identity,) = set(pool.map(ask, range(8)))
    assert LocalStore(str(tmp_path)).identity() == identity
    assert [path.name for path in (tmp_path / ".imagetl").iterdir()] == ["identity"]


def test_the_identity_that_an_older_version_gave_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".imagetl").mkdir()
    (tmp_path / ".imagetl" / "id").write_text("given long ago")
    assert LocalStore(str(tmp_path)).identity() == "given long ago"


def test_no_hard_links_are_needed(tmp_path: Path) -> None:
    """Many network and FUSE file systems have none."""
    code = (
        "import errno, os, sys\n"
        "def no_link(*args, **options): raise OSError(errno.EPERM, 'not permitted')\n"
        "os.link = no_link\n"
        "from imagetl_assets.storage.local import LocalStore\n"
        "print(LocalStore(sys.argv[1]).identity())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == LocalStore(str(tmp_path)).identity()


# Typing errors

NEARLY_URLS = [
    ("s3:/bucket/images", "s3://bucket/images"),
    ("S3://bucket/images", "s3://bucket/images"),
    ("s3//bucket/images", "s3://bucket/images"),
    ("s3:bucket", "s3://bucket"),
    ("s3:///bucket", "s3://bucket"),
    ("gs:/bucket", "gs://bucket"),
    ("Az://bucket", "az://bucket"),
    ("file:/data", "file:///data"),
]


@pytest.mark.parametrize(("written", "meant"), NEARLY_URLS)
def test_a_typing_error_makes_no_folder(written: str, meant: str) -> None:
    told = f"^a typing error in a URL: it has to be {meant}$"
    with pytest.raises(StoreError, match=told) as raised:
        open_store(written)
    assert not raised.value.may_pass
    with pytest.raises(PermanentError, match=told), open_upstream(written, Known(), Limits()):
        pass
    with pytest.raises(PermanentError, match=told):
        list_upstream(written, "*", [])
    assert not os.path.exists(written)


def test_no_secret_is_told_of_a_typing_error() -> None:
    with (
        pytest.raises(PermanentError) as raised,
        open_upstream("http:/me:s3cret@h/a.img?sig=s3cret", Known(), Limits()),
    ):
        pass
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("path", ["s3/bucket", "s3", "files//a", "httpd:8", "./s3:"])
def test_what_is_no_typing_error(path: str, tmp_path: Path) -> None:
    assert open_store(f"{tmp_path}/{path}").root.startswith(str(tmp_path))
    assert list_upstream("HTTP://127.0.0.1:1/", "*", []).found == {}
