"""A folder and a remote file system do the same."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from imagetl_assets.records import RawFile, RecordError
from imagetl_assets.storage import FileChanged, Store, StoreError, local, root_name
from imagetl_assets.storage.base import BLOCK_BYTES, WriteConflict
from imagetl_assets.storage.local import LocalStore
from imagetl_assets.storage.partition_folder import PartitionFolder

KEY = "a [b]*?.img"  # what globbing would take for a pattern


def test_what_is_written_can_be_read(store: Store) -> None:
    with store.create(f"{KEY}/x") as file:
        file.write(b"hel")
        file.write(b"lo")
    assert store.read(f"{KEY}/x") == b"hello"
    with store.open(f"{KEY}/x") as file:
        file.seek(1)
        assert file.read(3) == b"ell"
    state = store.state(f"{KEY}/x")
    assert state is not None
    assert state.size == 5
    assert store.uri(f"{KEY}/x").startswith(("file:///", "memory://", "s3://", "gs://", "az://"))


def test_an_empty_file_is_one(store: Store) -> None:
    """A record that a crash has left empty counts as one that cannot be read."""
    store.write("a.img/.imagetl/raw_data_file.json", b"")
    state = store.state("a.img/.imagetl/raw_data_file.json")
    assert state is not None
    assert state.size == 0
    with pytest.raises(RecordError):
        PartitionFolder(store, "a.img").load("raw_data_file", RawFile)
    store.write("a.img/.imagetl/raw_data_file.json", b"more")
    assert store.state("a.img/.imagetl/raw_data_file.json") != state


def test_missing_files(store: Store) -> None:
    assert store.state("no/where") is None
    with pytest.raises(FileNotFoundError):
        store.read("no/where")
    assert store.list_folders("no/where") == []
    store.delete_folder("no/where")


def test_spans_are_read_in_order_and_only_of_the_version_asked_for(store: Store) -> None:
    data = bytes(range(256)) * (BLOCK_BYTES // 100)
    store.write("raw", data)
    state = store.state("raw")
    assert state is not None
    spans = [(i, 70_000) for i in range(0, len(data) - 70_000, 90_000)]
    read = list(store.read_spans("raw", spans, state.version))
    assert read == [data[offset : offset + length] for offset, length in spans]
    with pytest.raises(FileChanged):
        next(store.read_spans("raw", spans, "another version"))
    with store.open("raw", state) as file:
        assert file.read() == data
    store.write("raw", b"short")
    with pytest.raises(FileChanged):
        list(store.read_spans("raw", spans[-1:], state.version))
    with pytest.raises(FileChanged), store.open("raw", state) as file:
        file.read()


def test_spans_are_read_in_any_order(store: Store) -> None:
    data = bytes(range(251)) * 80_000
    store.write("raw", data)
    state = store.state("raw")
    assert state is not None
    spans = [(19_000_000, 9), (5, 70_000), (9_000_000, 9), (9_000_002, 70_000), (9_000_003, 1)]
    read = list(store.read_spans("raw", spans, state.version))
    assert read == [data[offset : offset + length] for offset, length in spans]


def test_a_file_that_is_replaced_has_another_version(store: Store) -> None:
    store.write("raw", b"one")
    before = store.state("raw")
    store.write("raw", b"two")
    assert before != store.state("raw")


def test_a_folder_holds_the_new_files_only(store: Store) -> None:
    store.write_many({f"{KEY}/frames/{name}": b"old" for name in ("0", "1", "2 [x]")})
    store.write("a bc.img/frames/9", b"not ours")
    store.write_many({f"{KEY}/work/frames/{name}": b"new" for name in ("0", "1")})
    with pytest.raises(FileNotFoundError):
        store.replace_folder(f"{KEY}/work/frames", f"{KEY}/frames", ["0", "1", "9"], [])
    names = ["0", "1"]
    left = store.replace_folder(f"{KEY}/work/frames", f"{KEY}/frames", names, ["0", "2 [x]", "3"])
    assert left in ([], ["2 [x]", "3"])
    store.delete_many(f"{KEY}/frames/{name}" for name in left)
    assert list(store.read_many([f"{KEY}/frames/0", f"{KEY}/frames/1"])) == [b"new", b"new"]
    assert store.state(f"{KEY}/frames/2 [x]") is None
    assert store.list_files(f"{KEY}/frames") in (["0", "1"], ["1", "0"])
    assert store.read("a bc.img/frames/9") == b"not ours"


def test_a_file_takes_the_place_of_another(store: Store) -> None:
    store.write_many({f"{KEY}/work/x [1]": b"new", f"{KEY}/x": b"old"})
    store.move(f"{KEY}/work/x [1]", f"{KEY}/x")
    assert store.read(f"{KEY}/x") == b"new"
    with pytest.raises(FileNotFoundError):
        store.move(f"{KEY}/work/y", f"{KEY}/x")
    assert store.read(f"{KEY}/x") == b"new"


def test_a_folder_that_was_made_can_be_seen_until_it_is_deleted(store: Store) -> None:
    assert not store.has_folder(f"{KEY}/work/a")
    store.make_folder(f"{KEY}/work/a")
    assert store.has_folder(f"{KEY}/work/a")
    assert store.list_folders(f"{KEY}/work") == ["a"]
    store.delete_folder(f"{KEY}/work/a")
    assert not store.has_folder(f"{KEY}/work/a")
    assert store.list_folders(f"{KEY}/work") == []


def test_a_file_that_is_only_to_be_created_replaces_none(store: Store) -> None:
    if not store.creates_only_new:
        pytest.skip("this store has no way to create a file only if there is none")
    store.write_many({f"{KEY}/x": b"1", f"{KEY}/y": b"1"}, only_new=True)
    store.write_many({f"{KEY}/x": b"1"}, only_new=True)
    with pytest.raises(WriteConflict):
        store.write_many({f"{KEY}/x": b"2"}, only_new=True)
    large = b"2" * (BLOCK_BYTES + 1)
    for data in (b"2", large):
        with pytest.raises(WriteConflict), store.create(f"{KEY}/y", only_new=True) as file:
            file.write(data)
    with store.create(f"{KEY}/z", only_new=True) as file:
        file.write(large)
    assert [store.read(f"{KEY}/{name}") for name in "xyz"] == [b"1", b"1", large]


def test_nobody_writes_into_a_folder_that_was_deleted(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    store.make_folder("work/a")

    def write_too_late() -> None:
        with store.create("work/a/x", make_folder=False) as file:
            file.write(b"1")
            store.delete_folder("work/a")

    with pytest.raises(WriteConflict):
        write_too_late()
    with pytest.raises(WriteConflict):
        store.write_many({"work/a/x": b"1"}, make_folder=False)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_file_that_is_too_large_for_the_file_system_is_named(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(StoreError, match=r"large cannot be written: file too large") as error:
            LocalStore(str(tmp_path)).write_many({"small": b"1", "large": bytes(100_001)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not error.value.may_pass
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


@pytest.mark.parametrize("key", ["../other/x", "a/../../other/x", "{other}/x", "link/x", "to_file"])
def test_no_path_leads_out_of_a_folder(tmp_path: Path, key: str) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    (root / "a").mkdir(parents=True)
    other.mkdir()
    (other / "x").write_text("1")
    (root / "link").symlink_to(other)
    (root / "to_file").symlink_to(other / "x")
    store, path = LocalStore(str(root)), key.format(other=other)
    with pytest.raises(StoreError, match="leads out of"):
        store.read(path)
    with pytest.raises(StoreError, match="leads out of"):
        store.write_many({path: b"2"})
    assert (other / "x").read_text() == "1"


def test_a_link_within_a_folder_is_followed(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    store.write("a/x", b"1")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert store.read("link/x") == b"1"


@pytest.mark.parametrize("can_exchange", [True, False])
def test_two_folders_change_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(local, "exchange", lambda one, other: False)
    store = LocalStore(str(tmp_path))
    store.write_many({"work/frames/0": b"new", "frames/0": b"old", "frames/1": b"old"})
    store.replace_folder("work/frames", "frames", ["0"], ["1"])
    assert [path.name for path in (tmp_path / "frames").iterdir()] == ["0"]
    assert store.read("frames/0") == b"new"
    assert (tmp_path / "work" / ("frames" if can_exchange else "frames.old") / "1").exists()


def test_a_file_is_deleted_if_it_is_there(store: Store) -> None:
    store.write(f"{KEY}/x", b"1")
    store.delete(f"{KEY}/x")
    store.delete(f"{KEY}/x")
    assert store.state(f"{KEY}/x") is None


def test_folders_are_deleted_whole(store: Store) -> None:
    store.write_many({f"{KEY}/work/a/x": b"1", f"{KEY}/work/b/y": b"2"})
    assert sorted(store.list_folders(f"{KEY}/work")) == ["a", "b"]
    store.delete_folder(f"{KEY}/work/a")
    assert store.list_folders(f"{KEY}/work") == ["b"]


def test_what_a_killed_deletion_has_left_is_deleted_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(str(tmp_path))
    for name in ("a.img", "b.img"):
        store.write(f"{name}/clip.gif", b"GIF")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *args, **options: None)  # killed before it
        store.delete_folder("a.img")
    assert len(list(tmp_path.iterdir())) == 2
    store.delete_folder("b.img")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_visible_of_a_file_that_could_not_be_finished(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    store.write("x", b"old")

    def fail() -> None:
        with store.create("x") as file:
            file.write(b"new")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert store.read("x") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_folder_keeps_its_identity(tmp_path: Path) -> None:
    first = LocalStore(str(tmp_path / "a")).identity()
    assert first == LocalStore(str(tmp_path / "a")).identity()
    assert first != LocalStore(str(tmp_path / "b")).identity()


def test_names_of_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert root_name("storage") == str(tmp_path / "storage")
    assert root_name(f"file://{tmp_path}/a%20b/") == str(tmp_path / "a b")
    assert root_name("s3://u:p@bucket/x/") == "s3://bucket/x"


@pytest.mark.parametrize("link", [KEY, f"{KEY}/frames", f"{KEY}/x.img"])
def test_a_link_out_of_the_storage_is_not_followed(tmp_path: Path, link: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "x.img").write_bytes(b"secret")
    (tmp_path / "root" / link).parent.mkdir(parents=True)
    (tmp_path / "root" / link).symlink_to(victim / "x.img" if link.endswith("/x.img") else victim)
    store = LocalStore(str(tmp_path / "root"))
    place = link if link.endswith("/x.img") else f"{link}/x.img"
    accesses: list[Callable[[], object]] = [
        lambda: store.state(place),
        lambda: store.read(place),
        lambda: store.open(place),
        lambda: store.write(place, b"1"),
        lambda: store.move(place, f"{KEY}/y"),
        lambda: store.delete(place),
    ]
    if place != link:
        accesses.append(lambda: store.delete_folder(link))
        accesses.append(lambda: store.list_files(link))
    for access in accesses:
        with pytest.raises(StoreError, match="by a symbolic link, which is not followed"):
            access()
    assert (victim / "x.img").read_bytes() == b"secret"


def test_links_within_the_storage_are_followed(tmp_path: Path) -> None:
    (tmp_path / "disk" / "a").mkdir(parents=True)
    (tmp_path / "root").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "b").symlink_to("a")
    store = LocalStore(str(tmp_path / "root"))
    store.write("b/x", b"1")
    assert store.read("a/x") == b"1"
