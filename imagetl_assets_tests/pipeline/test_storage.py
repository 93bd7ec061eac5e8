"""A folder and a remote file system do the same."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from imagetl_assets.records import FramesOwner
from imagetl_assets.storage import FileChanged, Store, open_store, root_name
from imagetl_assets.storage.base import BLOCK_BYTES
from imagetl_assets.storage.local import LocalStore
from imagetl_assets.storage.resource import PartitionFolder
from testbed import object_store

KEY = "a [b]*?.img"  # what globbing would take for a pattern


@pytest.fixture(params=["folder", "memory", "moto", "swift"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "folder":
        yield open_store(str(tmp_path / "root"))
    elif request.param == "memory":
        yield open_store(f"memory://{uuid.uuid4()}/root")
    else:
        running: object_store.ObjectStore = request.getfixturevalue(f"{request.param}_store")
        with object_store.reached(running):
            yield open_store(f"s3://{object_store.new_bucket(running)}/root")


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
    assert store.uri(f"{KEY}/x").startswith(("file:///", "memory://", "s3://"))


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


def test_a_file_that_is_replaced_has_another_version(store: Store) -> None:
    store.write("raw", b"one")
    before = store.state("raw")
    store.write("raw", b"two")
    assert before != store.state("raw")


@pytest.mark.parametrize("staged", [True, False])
def test_publish_makes_the_folder_hold_these_files_only(store: Store, staged: bool) -> None:
    store.write_many({f"{KEY}/frames/{name}": b"old" for name in ("0", "1", "2 [x]")})
    store.write("a bc.img/frames/9", b"not ours")
    written = f"{KEY}/work/frames" if staged or store.renames_folders else f"{KEY}/frames"
    store.write_many({f"{written}/{name}": b"new" for name in ("0", "1")})
    store.publish(written, f"{KEY}/frames", ["0", "1"], ["0", "2 [x]", "3"])
    assert list(store.read_many([f"{KEY}/frames/0", f"{KEY}/frames/1"])) == [b"new", b"new"]
    assert store.state(f"{KEY}/frames/2 [x]") is None
    assert store.read("a bc.img/frames/9") == b"not ours"


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


def owner(fingerprint: str, frames: int = 1) -> FramesOwner:
    return FramesOwner(fingerprint, (frames,), optimized=False)


def store_frames(folder: PartitionFolder, frames: FramesOwner) -> tuple[str, FramesOwner | None]:
    """Do what the steps of a run do before the frames are published."""
    where, former = folder.begin_frames(frames)
    content = (frames.fingerprint or "").encode()
    folder.store.write_many({f"{where}/{name}": content for name in frames.file_names()})
    return where, former


def test_frames_of_other_bytes_are_staged_aside(store: Store) -> None:
    folder = PartitionFolder(store, KEY)
    first, second = owner("f1", 5), owner("f2", 2)
    for frames in (first, second, first):
        before = store.state(f"{folder.frames}/frame_00.gif")
        where, former = store_frames(folder, frames)
        if former is not None:
            assert where != folder.frames
            assert before == store.state(f"{folder.frames}/frame_00.gif")
        folder.publish_frames(frames, former, where, frames.file_names())
        folder.end_frames(frames, former, left_behind=where != folder.frames)
        contents = store.read_many([f"{folder.frames}/{name}" for name in frames.file_names()])
        assert {content.decode() for content in contents} == {frames.fingerprint}
        other = second if frames is first else first
        for name in other.file_names()[:2] + other.file_names()[-2:]:
            stale = name not in frames.file_names()
            assert stale == (store.state(f"{folder.frames}/{name}") is None)
    folder.begin_frames(owner("f3"))
    assert store.list_folders(f"{KEY}/.imagetl/work") in ([], ["f3"])


def test_in_a_bucket_the_first_frames_are_written_where_they_belong() -> None:
    folder = PartitionFolder(open_store(f"memory://{uuid.uuid4()}"), KEY)
    assert folder.begin_frames(owner("f1")) == (folder.frames, None)
    assert folder.begin_frames(owner("f1")) == (folder.frames, owner("f1"))
    where, former = folder.begin_frames(owner("f2"))
    assert where != folder.frames
    assert former == owner("f1")


def test_a_publication_that_was_cut_off_leaves_no_record_and_no_stale_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = open_store(f"memory://{uuid.uuid4()}")
    folder = PartitionFolder(store, KEY)
    first, second, third = owner("f1", 3), owner("f2", 101), owner("f3", 2)
    where, former = store_frames(folder, first)
    folder.publish_frames(first, former, where, first.file_names())
    folder.save("frame_files", first)
    where, former = store_frames(folder, second)

    def copy_one_and_die(
        written: str, place: str, names: Sequence[str], former: Sequence[str]
    ) -> None:
        store.write(f"{place}/{names[-1]}", store.read(f"{written}/{names[-1]}"))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "publish", copy_one_and_die)
        with pytest.raises(KeyboardInterrupt):
            folder.publish_frames(second, former, where, second.file_names())
    assert folder.load("frame_files", FramesOwner) is None
    for frames in (third, first):
        where, former = store_frames(folder, frames)
        folder.publish_frames(frames, former, where, frames.file_names())
        for name in {*second.file_names(), *first.file_names()} - {*frames.file_names()}:
            assert store.state(f"{folder.frames}/{name}") is None
        contents = store.read_many([f"{folder.frames}/{name}" for name in frames.file_names()])
        assert {content.decode() for content in contents} == {frames.fingerprint}


def test_publishing_again_is_fine_once_it_is_done(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    store.write("work/frames/0", b"1")
    store.publish("work/frames", "frames", ["0"], [])
    store.publish("work/frames", "frames", ["0"], [])
    with pytest.raises(FileNotFoundError):
        store.publish("work/frames", "frames", ["0", "1"], [])


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
