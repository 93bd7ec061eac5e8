"""What there is upstream: folders, buckets in memory, and real HTTP."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from imagetl_assets.storage.file_version import file_state, version_of
from imagetl_assets.upstream import (
    Known,
    Limits,
    PermanentError,
    TransientError,
    UpstreamError,
    open_upstream,
)
from imagetl_assets.upstream.listing import list_upstream
from imagetl_assets_tests.upstream.reading import read
from testbed import http_server
from testbed.http_server import HttpServer, serve


def test_a_folder_and_a_pattern(tmp_path: Path) -> None:
    for name in ("a.img", "b.img", "c.txt", ".hidden.img"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.img").mkdir()
    assert set(list_upstream(str(tmp_path), "*.img", []).found) == {"a.img", "b.img"}
    assert set(list_upstream(tmp_path.as_uri(), "c*", []).found) == {"c.txt"}


def test_a_fingerprint_changes_with_size_and_time(tmp_path: Path) -> None:
    file = tmp_path / "a.img"
    marks = set()
    for data in (b"1", b"22", b"33"):
        file.write_bytes(data)
        marks.add(list_upstream(str(tmp_path), "*.img", []).found["a.img"])
        time.sleep(0.02)
    assert len(marks) == 3


def test_a_prefix_of_a_bucket() -> None:
    files = MemoryFileSystem()
    files.pipe({"/bucket/in/a.img": b"x", "/bucket/in/deeper/b.img": b"x", "/bucket/c.img": b"x"})
    assert set(list_upstream("memory://bucket/in", "*.img", []).found) == {"a.img"}


def test_folders_of_images(tmp_path: Path) -> None:
    for name in ("day 1/a.png", "day 1/deeper/b.png", "day 2/a.jpg", "text/a.txt", ".x/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a.png").write_bytes(b"x")
    before = list_upstream(str(tmp_path), "*/", []).found
    assert set(before) == {"day 1", "day 2"}
    assert set(list_upstream(str(tmp_path), "*2/", []).found) == {"day 2"}
    (tmp_path / "day 1/deeper/c.png").write_bytes(b"x")
    (tmp_path / "day 2/b.txt").write_bytes(b"x")
    after = list_upstream(str(tmp_path), "*/", []).found
    assert after["day 2"] == before["day 2"]
    assert after["day 1"] != before["day 1"]


def test_folders_of_images_in_a_bucket() -> None:
    files = MemoryFileSystem()
    files.pipe({"/days/day 1/a.png": b"x", "/days/day 2/b/c.png": b"x", "/days/d.png": b"x"})
    assert set(list_upstream("memory://days", "*/", []).found) == {"day 1", "day 2"}


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UpstreamError, match="does not exist"):
        list_upstream(str(tmp_path / "no"), "*.img", [])


def test_http_is_asked_by_head_for_known_files(server: HttpServer) -> None:
    server.add_file("/a.img", b"first")
    server.add_file("/b%20c.img", b"x" * 10)
    before = list_upstream(f"{server.url}?key=1", "*.img", ["a.img", "b c.img", "gone.img"])
    assert set(before.found) == {"a.img", "b c.img"}
    assert before.unknown == {}
    assert server.methods == {"HEAD"}
    server.add_file("/a.img", b"second")
    after = list_upstream(server.url, "*.img", ["a.img", "b c.img"])
    assert after.found["a.img"] != before.found["a.img"]
    assert after.found["b c.img"] == before.found["b c.img"]


def test_of_a_file_that_cannot_be_asked_for_nothing_is_known(server: HttpServer) -> None:
    server.add_file("/a.img", b"x")
    server.add("/b.img", http_server.status(503))
    listing = list_upstream(server.url, "*.img", ["a.img", "b.img"])
    assert set(listing.found) == {"a.img"}
    assert "503" in listing.unknown["b.img"]


def test_a_server_that_does_not_answer() -> None:
    with serve() as server:
        url = server.url
    with pytest.raises(TransientError, match="connection refused") as error:
        list_upstream(f"{url}?sig=s3cret", "*.img", ["a.img", "b.img"])
    assert "s3cret" not in str(error.value)


def test_private_addresses_can_be_refused(server: HttpServer) -> None:
    server.add_file("/a.img", b"x")
    with pytest.raises(PermanentError, match=r"private address 127\.0\.0\.1"):
        list_upstream(server.url, "*.img", ["a.img"], refuse_private=True)
    assert server.requests == []


@pytest.mark.parametrize("code", [400, 403, 405, 406, 501])
def test_a_server_that_refuses_head_is_asked_by_a_conditional_get(
    server: HttpServer, code: int
) -> None:
    """What it sends is not read."""
    file = http_server.file(b"x" * 50_000_000)
    seen = []

    def answer(request: http_server.Request) -> None:
        if request.command == "HEAD":
            request.reply(code)
        else:
            seen.append(request.headers.get("If-None-Match"))
            file(request)

    server.add("/a.img", answer)
    first = list_upstream(server.url, "*.img", ["a.img"])
    second = list_upstream(server.url, "*.img", ["a.img"], first.found)
    assert first.found == second.found != {}
    etag = first.found["a.img"].partition("|")[0]
    assert seen == [None, etag]
    assert server.requests[-1] == ("/a.img", 304)
    file = http_server.file(b"another")
    assert list_upstream(server.url, "*.img", ["a.img"], first.found).found != first.found


def test_a_server_that_refuses_get_too(server: HttpServer) -> None:
    server.add("/a.img", http_server.status(403))
    server.add_file("/b.img", b"x")
    listing = list_upstream(server.url, "*.img", ["a.img", "b.img"])
    assert "status 403" in listing.unknown["a.img"]


def test_links_are_followed(tmp_path: Path) -> None:
    folder = tmp_path / "upstream"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "file").write_bytes(b"x")
    (folder / "link.img").symlink_to(tmp_path / "file")
    (folder / "twice.img").symlink_to(folder / "link.img")
    (folder / "folder.img").symlink_to(folder / "folder")
    (folder / "dangling.img").symlink_to(tmp_path / "no")
    (folder / "circle.img").symlink_to(folder / "circle.img")
    listing = list_upstream(str(folder), "*.img", [])
    assert set(listing.found) == {"link.img", "twice.img"}
    assert set(listing.unusable) == {"dangling.img", "circle.img"}
    assert "leads nowhere" in listing.unusable["dangling.img"]


def test_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.img")
    assert list_upstream(str(tmp_path), "*.img", []).found == {}
    with pytest.raises(PermanentError, match="is not a file"):
        read(str(tmp_path / "pipe.img"))


class _SizesOnly(MemoryFileSystem):  # type: ignore[misc,unused-ignore]
    """A file system that tells nothing but the size of a file, as some do."""

    protocol = "sizesonly"
    store: ClassVar[dict[str, Any]] = {}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        stripped: str = super()._strip_protocol(path.replace("sizesonly://", "memory://"))
        return stripped

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        entries = super().ls(path, detail=detail, **options)
        return [{k: e[k] for k in ("name", "size", "type")} for e in entries] if detail else entries

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        info = super().info(path, **options)
        return {k: info[k] for k in ("name", "size", "type")}


def test_a_file_system_that_tells_sizes_only_is_said_to_and_always_fetched_from() -> None:
    fsspec.register_implementation("sizesonly", _SizesOnly, clobber=True)
    _SizesOnly().pipe_file("/root/a.img", b"data")
    listing = list_upstream("sizesonly://root", "*.img", [])
    assert listing.sizes_only == set(listing.found) == {"a.img"}
    with open_upstream("sizesonly://root/a.img", Known(), Limits()) as file:
        assert file is not None
        assert file.etag is None


@pytest.mark.parametrize(
    "told",
    [
        {"ETag": '"{}"', "LastModified": "same"},
        {"etag": "{}", "modified": "same"},  # WebDAV
        {"etag": None, "modified": "{}"},
        {"md5Hash": "{}", "updated": "same"},
        {"mtime": "{}"},
        {"modify": "{}"},  # FTP
        {"LastModified": "{}"},
        {"last_modified": "{}"},
        {"last_commit": "{}"},  # Hugging Face
        {"sha": "{}", "mode": "100644"},  # GitHub
        {"checksum": "{}", "mtime": "same"},
        {"modificationTime": "{}"},  # HDFS
        {"updated": "{}"},
        {"created": "{}"},
    ],
)
def test_whatever_a_file_system_tells_of_a_version_counts(told: dict[str, str | None]) -> None:
    def info(version: str) -> dict[str, Any]:
        words = {k: v.format(version) if v else v for k, v in told.items()}
        return {"name": "a", "size": 4, "type": "file", **words}

    assert version_of(info("1")) != version_of(info("2"))
    assert file_state(info("1")) == file_state(info("1"))
    assert file_state(info("1")) != file_state(info("2"))


def test_times_of_access_do_not_count() -> None:
    assert version_of({"size": 4, "atime": 1, "time": 2, "uid": 3, "mode": 4}) is None
