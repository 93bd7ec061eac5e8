"""What the sensor remembers, in a real folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagetl_assets.automation.memory import Memory, WatchMemory
from imagetl_assets.automation.watch import Change, Seen
from imagetl_assets.storage import open_store

A = Seen({"a": Change("1", 5)}, {"b": Change("2", 6)})
B = Seen({"a": Change("1", 5), "b": Change("2", 6)}, {}, ("b",))


@pytest.fixture
def watched(tmp_path: Path) -> WatchMemory:
    return WatchMemory(open_store(str(tmp_path)), "/upstream")


def files(root: Path) -> list[Path]:
    return sorted(root.glob(".imagetl/watch/*/*/*"))


def test_what_is_kept_comes_back(watched: WatchMemory) -> None:
    cursor = watched.save(watched.load(None), A)
    assert watched.load(cursor).seen == A


def test_nothing_is_written_unless_there_is_something_new(
    watched: WatchMemory, tmp_path: Path
) -> None:
    assert watched.load(watched.save(watched.load(None), Seen())).seen == Seen()
    assert files(tmp_path) == []
    cursor = watched.save(watched.load(None), A)
    before = files(tmp_path)
    assert watched.save(watched.load(cursor), A) == cursor
    assert files(tmp_path) == before


def test_a_repeated_look_begins_where_the_first_one_did(watched: WatchMemory) -> None:
    """The cursor decides, not what was written last."""
    cursor = watched.save(watched.load(None), A)
    watched.save(watched.load(cursor), B)
    assert watched.load(cursor).seen == A


def test_of_two_looks_at_the_same_time_each_finds_its_own(watched: WatchMemory) -> None:
    cursor = watched.save(watched.load(None), A)
    ours, theirs = watched.load(cursor), watched.load(cursor)
    first, second = watched.save(ours, B), watched.save(theirs, Seen())
    assert watched.load(first).seen == B
    assert watched.load(second).seen == Seen()


@pytest.mark.parametrize(
    "cursor",
    [None, "", "{", "[]", "3", "null", '{"requested": {}}', '{"upstream":"","snapshot":"x"}'],
)
def test_without_a_cursor_the_newest_counts_but_for_its_last_look(
    watched: WatchMemory, cursor: str | None
) -> None:
    watched.save(watched.load(watched.save(watched.load(None), A)), B)
    assert watched.load(cursor).seen == Seen({"a": Change("1", 5)}, {"b": Change("2", 6)})


def test_a_snapshot_that_is_lost_or_damaged_is_not_used(
    watched: WatchMemory, tmp_path: Path
) -> None:
    first = watched.save(watched.load(None), A)
    second = watched.save(watched.load(first), B)
    files(tmp_path)[-1].write_bytes(b"damaged")
    assert watched.load(second).seen == A
    files(tmp_path)[0].unlink()
    assert watched.load(second) == Memory(Seen(), "")


def test_another_upstream_has_another_memory(watched: WatchMemory, tmp_path: Path) -> None:
    cursor = watched.save(watched.load(None), A)
    other = WatchMemory(open_store(str(tmp_path)), "/other")
    assert other.load(cursor).seen == Seen()


def test_old_snapshots_are_removed(watched: WatchMemory, tmp_path: Path) -> None:
    cursor = None
    for i in range(9):
        cursor = watched.save(watched.load(cursor), Seen({"a": Change(str(i), i)}))
    assert len(files(tmp_path)) == 3
    assert watched.load(cursor).seen.requested["a"].mark == "8"


def test_the_cursor_is_small_however_many_files_there_are(watched: WatchMemory) -> None:
    many = Seen({f"{'x' * 190}{i}.img": Change("1" * 30, i) for i in range(20_000)})
    cursor = watched.save(watched.load(None), many)
    assert len(cursor) < 200
    assert watched.load(cursor).seen == many
