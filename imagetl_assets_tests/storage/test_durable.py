"""What is on the disk itself before a record tells of it, if IMAGETL_FSYNC asks for that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from imagetl_assets.storage.local import LocalStore
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.storage.publishing import deltas_of
from imagetl_assets_tests.storage.test_publishing import KEY, index_of, published, store_frames


@pytest.mark.parametrize("wanted", ["1", ""])
def test_files_are_on_the_disk_before_the_record_that_tells_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("IMAGETL_FSYNC", wanted)
    synced: list[str] = []

    def noting(descriptor: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))

    monkeypatch.setattr(os, "fsync", noting)
    folder = PartitionFolder(LocalStore(str(tmp_path)), KEY)
    published(folder, store_frames(folder, index_of("1", 2), 1))
    if not wanted:
        assert synced == []
        return
    files = [name.split(".")[1] for name in synced if name.endswith(".tmp")]
    # The index, the frames, and the record: first that there is an exchange, then that it is done.
    assert files == ["record", "frame_00", "frame_01", "record", "record"]
    assert synced[-1] == ".imagetl"  # the folder that has the name of the record
    assert synced.index("frames") > synced.index(next(n for n in synced if "frame_01" in n))


def test_the_names_of_new_folders_and_differences_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGETL_FSYNC", "1")
    synced: list[str] = []

    def noting(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", noting)
    folder = PartitionFolder(LocalStore(str(tmp_path)), KEY)
    begun = store_frames(folder, replace(index_of("1"), optimize=True), 1)
    difference = f"{deltas_of(folder, begun)}/frame_00.gif"
    folder.store.write_many({difference: b"1"}, make_folder=False)
    assert synced[-1] == str(tmp_path / deltas_of(folder, begun))
    for made in (KEY, f"{KEY}/.imagetl", folder.deltas, deltas_of(folder, begun)):
        assert str((tmp_path / made).parent) in synced
