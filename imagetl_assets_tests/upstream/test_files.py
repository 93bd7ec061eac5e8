"""Upstream files in folders and wherever fsspec can reach."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from imagetl_assets.storage.filesystem import is_chain
from imagetl_assets.upstream import (
    Known,
    Limits,
    PermanentError,
    TransientError,
    UpstreamFiles,
    open_upstream,
)
from imagetl_assets.upstream.base import BLOCK_BYTES
from imagetl_assets.upstream.urls import file_url


def read(url: str, known: Known | None = None) -> bytes | None:
    with open_upstream(url, known or Known(), Limits()) as file:
        return None if file is None else b"".join(file.blocks)


def test_folders_and_fsspec_urls(tmp_path: Path) -> None:
    path = tmp_path / "a b#1.img"
    path.write_bytes(b"data")
    with open_upstream(str(path), Known(), Limits()) as file:
        assert file is not None
        assert file.size == 4
        assert b"".join(file.blocks) == b"data"
        known = Known(file.etag)
    assert read(f"file://{path}", known) is None
    path.write_bytes(b"other")
    assert read(str(path), known) == b"other"
    with pytest.raises(PermanentError, match="does not exist"):
        read(str(tmp_path / "missing"))
    with pytest.raises(PermanentError, match=r"no images in .*, but another file, a b"):
        read(str(tmp_path))


@pytest.mark.parametrize("base", ["folder", "memory"])
def test_a_file_that_changes_while_it_is_read(base: str, tmp_path: Path) -> None:
    """Its parts would be those of two files."""
    memory = MemoryFileSystem()

    def write(data: bytes) -> None:
        if base == "folder":
            (tmp_path / "a.img").write_bytes(data)
        else:
            memory.pipe_file("/root/a.img", data)

    write(b"1" * 3 * BLOCK_BYTES)
    url = str(tmp_path / "a.img") if base == "folder" else "memory://root/a.img"
    with open_upstream(url, Known(), Limits()) as file:
        assert file is not None
        next(file.blocks)
        write(b"2" * 3 * BLOCK_BYTES)
        with pytest.raises(TransientError, match="was changed while it was being read"):
            list(file.blocks)


def test_a_file_that_is_replaced_by_one_of_the_same_size_and_time_is_read(tmp_path: Path) -> None:
    """A run looks at the content, too, unlike the sensor."""
    path = tmp_path / "a.img"
    known = None
    for data in (b"one", b"two"):
        path.write_bytes(data)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        with open_upstream(str(path), known or Known(), Limits()) as file:
            assert file is not None
            assert b"".join(file.blocks) == data
            known = Known(file.etag)


def test_urls_within_urls() -> None:
    assert is_chain("simplecache::s3://bucket/a.img")
    assert is_chain("zip://a.img::s3://bucket/all.zip")
    assert not is_chain("s3://bucket/a::b.img")
    assert not is_chain("/data/zip::b.img")
    assert file_url("simplecache::s3://bucket/x", "a.img") == "simplecache::s3://bucket/x/a.img"
    assert file_url("zip://in::file:///x.zip", "a.img") == "zip://in/a.img::file:///x.zip"


def test_where_upstream_files_are() -> None:
    assert UpstreamFiles(base="http://h/a/").url("b c#.img") == "http://h/a/b%20c%23.img"
    assert UpstreamFiles(base="http://h/a?k=1").url("b.img") == "http://h/a/b.img?k=1"
    assert UpstreamFiles(base="/data/").url("b c.img") == "/data/b c.img"
    assert UpstreamFiles(base="s3://bucket/x").url("b.img") == "s3://bucket/x/b.img"
