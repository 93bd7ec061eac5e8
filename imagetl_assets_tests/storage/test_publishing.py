"""How frame files get into the frames folder, in folders and in buckets."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pytest

from imagetl_assets.images import gif
from imagetl_assets.images.bundle import DamagedFrame, FrameSpan
from imagetl_assets.records import FrameFiles, FrameIndex, RawFile, StoredFrame, StoredFrameBatch
from imagetl_assets.storage import Store, open_store
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.storage.publishing import NothingToPublish, Overtaken, begin, publish
from testbed.bundles import tiny_frame

KEY = "a [b]*?.img"  # what globbing would take for a pattern
LAYOUT = gif.parse(tiny_frame(0))


def index_of(name: str, frames: int = 1) -> FrameIndex:
    """An index of frames that no index of another name has."""
    raw = RawFile("a.img", 10, name, "1", "https://h/a.img", "ff")
    spans = tuple(FrameSpan(i, i * 10, 5, "GIF") for i in range(frames))
    return FrameIndex(raw, spans, (), 1, "")


def store_frames(folder: PartitionFolder, index: FrameIndex) -> FrameIndex:
    """Do what the steps of a run do before the frames are published."""
    begun = begin(folder, index)
    folder.save("frames", begun)
    content = begun.fingerprint.encode()
    folder.store.write_many({f"{begun.written_to}/{name}": content for name in begun.file_names()})
    return begun


def published(
    folder: PartitionFolder, index: FrameIndex, damaged: Sequence[DamagedFrame] = ()
) -> FrameFiles:
    """Publish the frames, and store the record of them, as the IO manager does."""
    frame = StoredFrame(None, 1, "00", LAYOUT)
    stored = (frame,) * (len(index.frames) - len(damaged))
    files = publish(folder, index, lambda: ([StoredFrameBatch(stored, tuple(damaged))], False))
    folder.save("frame_files", files)
    return files


def test_frames_of_other_bytes_are_written_aside(store: Store) -> None:
    folder = PartitionFolder(store, KEY)
    first, second = index_of("1", 5), index_of("2", 2)
    for index in (first, second, first):
        before = store.state(f"{folder.frames}/frame_00.gif")
        begun = store_frames(folder, index)
        if begun.published_before is not None:
            assert begun.written_to != folder.frames
            assert before == store.state(f"{folder.frames}/frame_00.gif")
        published(folder, begun)
        contents = store.read_many([f"{folder.frames}/{name}" for name in index.file_names()])
        assert {content.decode() for content in contents} == {index.fingerprint}
        other = second if index is first else first
        for name in other.file_names()[:2] + other.file_names()[-2:]:
            stale = name not in index.file_names()
            assert stale == (store.state(f"{folder.frames}/{name}") is None)
    third = begin(folder, index_of("3"))
    assert store.list_folders(f"{KEY}/.imagetl/work") in ([], [third.fingerprint])


def test_in_a_bucket_the_first_frames_are_written_where_they_belong() -> None:
    folder = PartitionFolder(open_store(f"memory://{uuid.uuid4()}"), KEY)
    first, second = index_of("1"), index_of("2")
    begun = begin(folder, first)
    assert (begun.written_to, begun.published_before) == (folder.frames, None)
    begun = begin(folder, first)
    assert (begun.written_to, begun.published_before) == (folder.frames, first.when_published)
    begun = begin(folder, second)
    assert begun.written_to != folder.frames
    assert begun.published_before == first.when_published


def test_a_publication_that_was_cut_off_leaves_no_record_and_no_stale_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = open_store(f"memory://{uuid.uuid4()}")
    folder = PartitionFolder(store, KEY)
    first, second, third = index_of("1", 3), index_of("2", 101), index_of("3", 2)
    published(folder, store_frames(folder, first))
    begun = store_frames(folder, second)

    def copy_one_and_die(
        written: str, place: str, names: Sequence[str], former: Sequence[str]
    ) -> None:
        store.write(f"{place}/{names[-1]}", store.read(f"{written}/{names[-1]}"))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "publish", copy_one_and_die)
        with pytest.raises(KeyboardInterrupt):
            published(folder, begun)
    assert folder.load("frame_files", FrameFiles) is None
    for index in (third, first):
        published(folder, store_frames(folder, index))
        for name in {*second.file_names(), *first.file_names()} - {*index.file_names()}:
            assert store.state(f"{folder.frames}/{name}") is None
        contents = store.read_many([f"{folder.frames}/{name}" for name in index.file_names()])
        assert {content.decode() for content in contents} == {index.fingerprint}


def test_publishing_a_second_time_gives_the_same(store: Store) -> None:
    """Its worker was lost after the work was done."""
    folder = PartitionFolder(store, KEY)
    published(folder, store_frames(folder, index_of("1", 2)))
    begun = store_frames(folder, index_of("2", 3))
    files = published(folder, begun)
    assert published(folder, begun) == files


def test_an_older_run_is_overtaken(store: Store) -> None:
    folder = PartitionFolder(store, KEY)
    older = store_frames(folder, index_of("1", 2))
    newer = store_frames(folder, index_of("2", 3))
    with pytest.raises(Overtaken):
        published(folder, older)
    assert published(folder, newer).fingerprint == newer.fingerprint


def test_a_run_whose_frames_are_gone_is_overtaken(store: Store) -> None:
    folder = PartitionFolder(store, KEY)
    published(folder, store_frames(folder, index_of("1", 2)))
    begun = store_frames(folder, index_of("2", 3))
    store.delete_folder(begun.written_to)
    with pytest.raises(Overtaken):
        published(folder, begun)


@pytest.mark.parametrize("content", [b"{", b'{"record":"PublishedFrames","format":1}'])
def test_a_record_that_cannot_be_read_counts_as_frames_of_anybody(
    store: Store, content: bytes
) -> None:
    folder = PartitionFolder(store, KEY)
    published(folder, store_frames(folder, index_of("1", 2)))
    for name in ("published_frames", "frame_files"):
        store.write(f"{KEY}/.imagetl/{name}.json", content)
    begun = store_frames(folder, index_of("2", 2))
    assert begun.written_to != folder.frames
    files = published(folder, begun)
    assert folder.load("frame_files", FrameFiles) == files
    contents = store.read_many([f"{folder.frames}/{name}" for name in files.names])
    assert {content.decode() for content in contents} == {begun.fingerprint}


def test_frames_that_are_left_out_leave_gaps_in_the_names(store: Store) -> None:
    folder = PartitionFolder(store, KEY)
    begun = store_frames(folder, index_of("1", 3))
    cut = DamagedFrame(1, 10, 5, "cut")
    files = published(folder, begun, [cut])
    assert files.names == ("frame_00.gif", "frame_02.gif")
    assert files.damaged == (cut,)
    other = store_frames(folder, index_of("2", 2))
    with pytest.raises(NothingToPublish, match="cut"):
        published(folder, other, [DamagedFrame(i, i * 10, 5, "cut") for i in range(2)])
