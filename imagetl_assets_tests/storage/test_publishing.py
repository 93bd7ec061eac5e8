"""How frame files get into the frames folder, in folders and in buckets."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from imagetl_assets.images import gif
from imagetl_assets.images.bundle import DamagedFrame, FrameSpan
from imagetl_assets.records import FrameFiles, FrameIndex, RawFile, StoredFrame, StoredFrameBatch
from imagetl_assets.storage import Store, open_store
from imagetl_assets.storage.base import WriteConflict
from imagetl_assets.storage.claims import Claim, Overtaken, turn_of_run
from imagetl_assets.storage.local import LocalStore
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.storage.publishing import (
    NothingToPublish,
    begin,
    deltas_of,
    publish,
    written_to,
)
from testbed.bundles import tiny_frame

KEY = "a [b]*?.img"  # what globbing would take for a pattern
LAYOUT = gif.parse(tiny_frame(0))


def index_of(name: str, frames: int = 1) -> FrameIndex:
    """An index of frames that no index of another name has."""
    raw = RawFile("a.img", 10, name, "1", "https://h/a.img", "ff")
    spans = tuple(FrameSpan(i, i * 10, 5, "GIF") for i in range(frames))
    return FrameIndex(raw, spans, (), 1)


def content_of(index: FrameIndex, number: int) -> bytes:
    return f"{index.raw.sha256} {number}".encode()


def store_frames(folder: PartitionFolder, index: FrameIndex, run: int) -> FrameIndex:
    """Do what the steps of a run do before the frames are published."""
    begun = begin(folder, index, turn_of_run(run, f"run {run}"))
    place = written_to(folder, begun)
    files = {
        f"{place}/{name}": content_of(begun, number)
        for number, name in enumerate(begun.file_names())
    }
    folder.store.write_many(files, make_folder=False, only_new=begun.in_place)
    return begun


def stored_batches(
    index: FrameIndex, damaged: Sequence[DamagedFrame] = ()
) -> Sequence[StoredFrameBatch]:
    """What the mapped steps report."""
    left_out = {piece.number for piece in damaged}
    contents = [
        content_of(index, span.number) for span in index.frames if span.number not in left_out
    ]
    frames = tuple(
        StoredFrame(None, len(data), hashlib.sha256(data).hexdigest(), LAYOUT) for data in contents
    )
    return [StoredFrameBatch(frames, tuple(damaged))]


def published(
    folder: PartitionFolder, index: FrameIndex, damaged: Sequence[DamagedFrame] = ()
) -> FrameFiles:
    return publish(folder, index, lambda: stored_batches(index, damaged))


def contents(folder: PartitionFolder) -> dict[str, bytes]:
    """Return what is in the frames folder."""
    names = sorted(folder.store.list_files(folder.frames))
    paths = [f"{folder.frames}/{name}" for name in names]
    return dict(zip(names, folder.store.read_many(paths) if paths else [], strict=True))


def expected(index: FrameIndex) -> dict[str, bytes]:
    return {name: content_of(index, i) for i, name in enumerate(index.file_names())}


def test_frames_of_other_bytes_are_written_aside(store: Store) -> None:
    folder = PartitionFolder(store, KEY)
    before = None
    for run, index in enumerate([index_of("1", 5), index_of("2", 2), index_of("1", 5)]):
        begun = store_frames(folder, index, run)
        if before:
            assert contents(folder) == expected(before)
            assert folder.load("frame_files", FrameFiles)
        files = published(folder, begun)
        assert contents(folder) == expected(index)
        assert folder.load("frame_files", FrameFiles) == files
        assert store.list_folders(folder.work) == []
        before = index


def test_the_first_frames_are_written_where_they_belong_if_they_can_replace_nothing(
    store: Store,
) -> None:
    folder = PartitionFolder(store, KEY)
    first = store_frames(folder, index_of("1"), 1)
    assert first.in_place == store.creates_only_new
    assert not store_frames(folder, index_of("1"), 2).in_place


def test_a_late_step_of_an_older_run_replaces_nothing(store: Store) -> None:
    """Its run was the first, so it may write into the frames folder itself."""
    folder = PartitionFolder(store, KEY)
    older = store_frames(folder, index_of("1", 3), 1)
    newer = index_of("2", 2)
    published(folder, store_frames(folder, newer, 2))
    place = f"{written_to(folder, older)}/frame_00.gif"
    with suppress(WriteConflict):
        store.write_many({place: b"late"}, make_folder=False, only_new=older.in_place)
    with pytest.raises(Overtaken):
        published(folder, older)
    assert contents(folder) == expected(newer)


def test_an_older_run_is_overtaken(store: Store) -> None:
    folder = PartitionFolder(store, KEY)
    older = store_frames(folder, index_of("1", 2), 1)
    newer = store_frames(folder, index_of("2", 3), 2)
    with pytest.raises(Overtaken):
        published(folder, older)
    assert published(folder, newer).claim == newer.claim
    assert contents(folder) == expected(newer)


@pytest.mark.parametrize("is_published", [True, False])
def test_an_older_run_that_begins_later_is_overtaken(store: Store, is_published: bool) -> None:
    folder = PartitionFolder(store, KEY)
    newer = store_frames(folder, index_of("2", 3), 2)
    if is_published:
        published(folder, newer)
    with pytest.raises(Overtaken):
        begin(folder, index_of("1", 2), turn_of_run(1, "run 1"))
    published(folder, newer)
    assert contents(folder) == expected(newer)


def test_a_second_attempt_takes_over_from_the_first(store: Store) -> None:
    folder = PartitionFolder(store, KEY)
    first = store_frames(folder, index_of("1", 2), 1)
    second = store_frames(folder, index_of("1", 2), 1)
    with pytest.raises(Overtaken):
        published(folder, first)
    published(folder, second)
    assert contents(folder) == expected(second)


def test_publishing_a_second_time_gives_the_same(store: Store) -> None:
    """Its worker was lost after the work was done."""
    folder = PartitionFolder(store, KEY)
    published(folder, store_frames(folder, index_of("1", 2), 1))
    begun = store_frames(folder, index_of("2", 3), 2)
    files = published(folder, begun)
    assert published(folder, begun) == files


@pytest.mark.parametrize("replaces", [True, False])
def test_publishing_goes_on_wherever_it_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaces: bool
) -> None:
    for number in itertools.count():
        folder = PartitionFolder(LocalStore(str(tmp_path / str(number))), KEY)
        if replaces:
            published(folder, store_frames(folder, index_of("1", 3), 1))
        begun = store_frames(folder, index_of("2", 2), 2)
        with monkeypatch.context() as patch:
            interrupt(patch, folder.store, number)
            try:
                published(folder, begun)
            except KeyboardInterrupt:
                pass
            else:
                break
        files = published(folder, begun)
        assert contents(folder) == expected(begun)
        assert folder.load("frame_files", FrameFiles) == files
        assert folder.store.list_folders(folder.work) == []
    assert number > 8


def interrupt(patch: pytest.MonkeyPatch, store: Store, number: int) -> None:
    """Have the store be interrupted before (even) or after (odd) one of its next changes."""
    steps = itertools.count()

    def step() -> None:
        if next(steps) == number:
            raise KeyboardInterrupt

    def interrupted(change: Callable[..., None]) -> Callable[..., None]:
        def call(*args: object, **options: object) -> None:
            step()
            change(*args, **options)
            step()

        return call

    for name in ("write_many", "move", "replace_folder", "delete_folder"):
        patch.setattr(store, name, interrupted(getattr(store, name)))


def test_a_run_whose_frames_are_gone_is_overtaken(store: Store) -> None:
    folder = PartitionFolder(store, KEY)
    published(folder, store_frames(folder, index_of("1", 2), 1))
    begun = store_frames(folder, index_of("2", 3), 2)
    store.delete_folder(f"{folder.work}/{begun.claim}")
    with pytest.raises(Overtaken):
        published(folder, begun)


@pytest.mark.parametrize("content", [b"{", b'{"record":"FrameFiles","format":1}'])
def test_a_record_that_cannot_be_read_counts_as_none(store: Store, content: bytes) -> None:
    folder = PartitionFolder(store, KEY)
    published(folder, store_frames(folder, index_of("1", 4), 1))
    for name in ("frames", "frame_files"):
        store.write(folder.record_path(name), content)
    begun = store_frames(folder, index_of("2", 2), 2)
    files = published(folder, begun)
    assert folder.load("frame_files", FrameFiles) == files
    assert contents(folder) == expected(begun)


def test_differences_between_frames_stay_as_long_as_their_frames(store: Store) -> None:
    folder = PartitionFolder(store, KEY)
    for run in (1, 2):
        begun = store_frames(folder, replace(index_of(str(run)), optimize=True), run)
        difference = {f"{deltas_of(folder, begun)}/frame_00.gif": b"1"}
        store.write_many(difference, make_folder=False)
        published(folder, begun)
        assert store.list_folders(folder.deltas) == [begun.claim]
    published(folder, store_frames(folder, index_of("3"), 3))
    assert store.list_folders(folder.deltas) == []


def test_frames_that_are_left_out_leave_gaps_in_the_names(store: Store) -> None:
    folder = PartitionFolder(store, KEY)
    begun = store_frames(folder, index_of("1", 3), 1)
    cut = DamagedFrame(1, 10, 5, "cut")
    if begun.in_place:  # the mapped step leaves it out
        store.delete(f"{folder.frames}/frame_01.gif")
    files = published(folder, begun, [cut])
    assert files.names == ("frame_00.gif", "frame_02.gif")
    assert sorted(contents(folder)) == list(files.names)
    assert files.damaged == (cut,)
    other = store_frames(folder, index_of("2", 2), 2)
    with pytest.raises(NothingToPublish, match="cut"):
        published(folder, other, [DamagedFrame(i, i * 10, 5, "cut") for i in range(2)])
    assert store.list_folders(folder.work) == []


def test_what_is_left_of_a_killed_run_is_deleted_by_the_next(store: Store) -> None:
    folder = PartitionFolder(store, KEY)
    store_frames(folder, index_of("1", 3), 1)
    store.write(f"{folder.work}/frames.old/frame_00.gif", b"of an earlier version")
    published(folder, store_frames(folder, index_of("2", 2), 2))
    assert store.list_folders(folder.work) == []


def test_a_claim_that_an_earlier_step_has_taken(store: Store) -> None:
    """Later steps of the run hold it, and so does a run that re-executes it, until it is taken."""
    folder, turns = PartitionFolder(store, KEY), [turn_of_run(run, str(run)) for run in range(3)]
    with pytest.raises(Overtaken):
        Claim.held(folder, "clip_mp4", turns[0])
    taken = Claim.take(folder, "clip_mp4", turns[0])
    other = Claim.take(folder, "clip_webm", turns[2])
    for turn in turns:
        assert Claim.held(folder, "clip_mp4", turn).name == taken.name
    newer = Claim.take(folder, "clip_mp4", turns[1])
    with pytest.raises(Overtaken) as raised:
        Claim.held(folder, "clip_mp4", turns[0])
    assert raised.value.by == turns[1]
    assert Claim.held(folder, "clip_mp4", turns[1]).name == newer.name
    assert sorted(store.list_folders(folder.work)) == sorted([newer.name, other.name])


def test_memory_has_no_way_to_create_only() -> None:
    assert not open_store(f"memory://{uuid.uuid4()}").creates_only_new
