"""Upstream files in folders and wherever fsspec can reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagetl_assets.upstream import (
    Known,
    Limits,
    PermanentError,
    UpstreamFiles,
    open_upstream,
)


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
    with pytest.raises(PermanentError, match="not a file"):
        read(str(tmp_path))


def test_where_upstream_files_are() -> None:
    assert UpstreamFiles(base="http://h/a/").url("b c#.img") == "http://h/a/b%20c%23.img"
    assert UpstreamFiles(base="http://h/a?k=1").url("b.img") == "http://h/a/b.img?k=1"
    assert UpstreamFiles(base="/data/").url("b c.img") == "/data/b c.img"
    assert UpstreamFiles(base="s3://bucket/x").url("b.img") == "s3://bucket/x/b.img"
