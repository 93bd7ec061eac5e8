"""What tells one version of a file in a folder from another, on every host the same."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagetl_assets.storage import FileState
from imagetl_assets.storage.file_version import local_state

SIZE = 100_000


def state(path: Path) -> FileState:
    with path.open("rb") as file:
        found = local_state(file)
        assert file.tell() == 0
        return found


@pytest.mark.parametrize("size", [0, 1, 5_000, SIZE])
def test_a_version_is_the_same_for_a_copy_that_keeps_the_time(tmp_path: Path, size: int) -> None:
    """Whose inode is another, and whose time has no parts of a second, as over SSH."""
    path, copy = tmp_path / "a", tmp_path / "b"
    path.write_bytes(bytes(i % 251 for i in range(size)))
    shutil.copy2(path, copy)
    assert path.stat().st_ino != copy.stat().st_ino
    assert state(path) == state(copy)
    second = path.stat().st_mtime_ns // 10**9
    os.utime(copy, (second, second))
    assert state(path) == state(copy)


def test_a_link_to_a_file_has_its_version(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"data")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert state(tmp_path / "link") == state(tmp_path / "a")


def test_another_size_or_second_is_another_version(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * SIZE)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    states = [state(path)]
    os.utime(path, (1_700_000_001, 1_700_000_001))
    states.append(state(path))
    path.write_bytes(b"x" * (SIZE + 1))
    os.utime(path, (1_700_000_001, 1_700_000_001))
    states.append(state(path))
    assert len({found.version for found in states}) == 3


@settings(max_examples=50, deadline=None)
@given(at=st.sampled_from([0, 4095, SIZE // 2, SIZE - 4096, SIZE - 1]), other=st.binary(max_size=1))
def test_another_content_in_the_same_second_is_another_version(
    tmp_path_factory: pytest.TempPathFactory, at: int, other: bytes
) -> None:
    """At the beginning, in the middle, and at the end of a file."""
    path = tmp_path_factory.getbasetemp() / "versions"
    data = bytearray(SIZE)
    path.write_bytes(data)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    before = state(path)
    data[at : at + len(other)] = other
    path.write_bytes(data)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert (state(path) != before) is (other not in (b"", b"\0"))


@given(data=st.binary(max_size=13_000), at=st.integers(0, 12_287))
@settings(max_examples=50, deadline=None)
def test_a_small_file_is_looked_at_as_a_whole(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "small"
    data = data[: 3 * 4096]
    path.write_bytes(data)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    before = state(path)
    changed = bytearray(data)
    if at < len(data):
        changed[at] ^= 1
    path.write_bytes(changed)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert (state(path) != before) is (at < len(data))
