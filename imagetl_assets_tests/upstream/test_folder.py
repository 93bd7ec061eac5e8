"""Folders, prefixes of buckets and patterns as one upstream file, which is a TAR."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from imagetl_assets.upstream import Known, Limits, PermanentError, TransientError, open_upstream
from imagetl_assets_tests.images.archives import found
from testbed.bundles import tiny_frame

FILES = {
    "10.png": tiny_frame(3, format="PNG"),
    "2.gif": tiny_frame(2),
    "day 1/ü [x].gif": tiny_frame(4),
    "without": tiny_frame(5),
}
OTHERS = {"notes.txt": b"text", ".hidden.gif": tiny_frame(9), ".cache/a.gif": tiny_frame(9)}


def fill(folder: Path, files: Mapping[str, bytes]) -> str:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return str(folder)


def download(
    url: str, known: Known | None = None, earlier: bytes | None = None, **options: Any
) -> tuple[bytes, str | None, Mapping[str, Any]] | None:
    stored = io.BytesIO(earlier) if earlier else None
    with open_upstream(url, known or Known(), Limits(), earlier=lambda: stored, **options) as file:
        return (b"".join(file.blocks), file.etag, file.facts) if file else None


def names(url: str, **options: Any) -> list[str]:
    taken = download(url, **options)
    assert taken is not None
    with tarfile.open(fileobj=io.BytesIO(taken[0])) as archive:
        return archive.getnames()


def bucket(files: Mapping[str, bytes]) -> str:
    memory = MemoryFileSystem()
    memory.store.clear()
    memory.pipe({f"/bucket/in/{name}": content for name, content in files.items()})
    return "memory://bucket/in/"


@pytest.fixture(params=["folder", "file url", "bucket"])
def upstream(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    files = {**FILES, **OTHERS}
    if request.param == "bucket":
        return bucket(files)
    fill(tmp_path, files)
    return str(tmp_path) if request.param == "folder" else tmp_path.as_uri()


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_what_was_stored_is_not_taken_again(kind: str, tmp_path: Path) -> None:
    stored = {
        "storage/x/clip.gif": tiny_frame(7),
        "storage/x/frames/frame_0.gif": tiny_frame(7),
        "storage/x/.imagetl/frames.json": b"{}",
    }
    files = {"1.gif": tiny_frame(1), "storage/2.gif": tiny_frame(2), **stored}
    url = bucket(files) if kind == "bucket" else fill(tmp_path, files)
    assert names(url) == ["1.gif", "storage/2.gif"]
    assert names(f"{url.rstrip('/')}/storage/*/clip.gif") == ["x/clip.gif"]


def test_images_of_a_folder_are_a_tar_in_natural_order(upstream: str) -> None:
    taken = download(upstream)
    assert taken is not None
    data, _, facts = taken
    assert found(data) == FILES
    assert list(found(data)) == ["2.gif", "10.png", "day 1/ü [x].gif", "without"]
    assert facts == {"images": 4, "images kept from before": 0, "other files": 1}
    assert names(upstream) == ["2.gif", "10.png", "day 1/ü [x].gif", "without"]


def test_an_unchanged_folder_is_not_read(upstream: str) -> None:
    taken = download(upstream)
    assert taken is not None
    assert taken[1] is not None
    assert download(upstream, Known(taken[1])) is None


def test_include_names_the_images(upstream: str) -> None:
    assert names(upstream, include="*.gif") == ["2.gif", "day 1/ü [x].gif"]
    assert names(upstream, include="day*") == ["day 1/ü [x].gif"]


def test_patterns(upstream: str) -> None:
    root = upstream.rstrip("/")
    assert names(f"{root}/*.gif") == ["2.gif"]
    assert names(f"{root}/**/*.gif") == ["2.gif", "day 1/ü [x].gif"]
    assert names(f"{root}/day*/*") == ["day 1/ü [x].gif"]


def test_a_folder_that_has_grown_gives_only_what_is_new(tmp_path: Path) -> None:
    url = fill(tmp_path, FILES)
    first = download(url)
    assert first is not None
    # What is taken from the stored TAR is not read again, so it may even be gone meanwhile.
    fill(tmp_path, {"3.gif": tiny_frame(8), "2.gif": tiny_frame(7)})
    again = download(url, Known(first[1]), first[0])
    assert again is not None
    assert found(again[0]) == {**FILES, "2.gif": tiny_frame(7), "3.gif": tiny_frame(8)}
    assert again[2]["images kept from before"] == 3
    whole = download(url)
    assert whole is not None
    assert whole[0] == again[0]
    (tmp_path / "10.png").unlink()
    fewer = download(url, Known(again[1]), again[0])
    assert fewer is not None
    assert "10.png" not in found(fewer[0])


def test_another_file_that_is_stored_is_no_use_and_no_harm(tmp_path: Path) -> None:
    url = fill(tmp_path, FILES)
    for earlier in (b"", b"GIF89a" * 999, bytes(10_000)):
        taken = download(url, None, earlier)
        assert taken is not None
        assert found(taken[0]) == FILES


def test_a_prefix_without_a_slash_at_its_end() -> None:
    url = bucket(FILES).rstrip("/")
    taken = download(url)
    assert taken is not None
    assert found(taken[0]) == FILES
    with pytest.raises(PermanentError, match="in2 does not exist"):
        download(f"{url}2")


def test_a_folder_without_images_is_told_of(tmp_path: Path) -> None:
    fill(tmp_path, OTHERS)
    with pytest.raises(PermanentError, match=r"no images in .*, but another file, notes"):
        download(str(tmp_path))
    with pytest.raises(PermanentError, match="there are no images in"):
        download(f"{tmp_path}/*.jpg")


def test_links_to_files_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    fill(tmp_path, FILES)
    (tmp_path / "link.gif").symlink_to("2.gif")
    (tmp_path / "circle").symlink_to(".")
    (tmp_path / "nowhere.gif").symlink_to("gone")
    assert names(str(tmp_path)) == ["2.gif", "10.png", "day 1/ü [x].gif", "link.gif", "without"]


def test_an_image_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    url = fill(tmp_path, FILES)
    with open_upstream(url, Known(), Limits()) as file:
        assert file is not None
        (tmp_path / "2.gif").write_bytes(tiny_frame(7))
        os.utime(tmp_path / "2.gif", (1, 1))
        with pytest.raises(TransientError, match=r"2\.gif was changed while it was being read"):
            list(file.blocks)


def test_an_image_that_comes_meanwhile_does_no_harm(tmp_path: Path) -> None:
    url = fill(tmp_path, FILES)
    with open_upstream(url, Known(), Limits()) as file:
        assert file is not None
        fill(tmp_path, {"99.gif": tiny_frame(7)})
        assert found(b"".join(file.blocks)) == FILES
