"""What there is upstream: folders, buckets in memory, and real HTTP."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from imagetl_assets.upstream import PermanentError, TransientError, UpstreamError
from imagetl_assets.upstream.listing import list_upstream
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
    from fsspec.implementations.memory import MemoryFileSystem

    files = MemoryFileSystem()
    files.pipe({"/bucket/in/a.img": b"x", "/bucket/in/deeper/b.img": b"x", "/bucket/c.img": b"x"})
    assert set(list_upstream("memory://bucket/in", "*.img", []).found) == {"a.img"}


def test_ten_thousand_files_take_less_than_five_seconds(tmp_path: Path) -> None:
    for i in range(10_000):
        (tmp_path / f"{i}.img").touch()
    started = time.monotonic()
    assert len(list_upstream(str(tmp_path), "*.img", []).found) == 10_000
    assert time.monotonic() - started < 5


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
