"""What the sensor decides, look after look, without any upstream."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from imagetl_assets.automation.watch import Decision, Seen, decide, short_hash
from imagetl_assets.upstream.listing import Listing

BASE = "/upstream"


class Watcher:
    """Looks again and again, with nothing kept in between but the cursor."""

    def __init__(self, limit: int = 10) -> None:
        self.limit = limit
        self.cursor: str | None = None

    def look(self, found: dict[str, str] | None = None, *unknown: str, **more: str) -> Decision:
        listing = Listing({**(found or {}), **more}, dict.fromkeys(unknown, "no answer"))
        decision = decide(Seen.from_json(self.cursor, BASE), listing, self.limit)
        self.cursor = decision.seen.to_json()
        return decision

    def due(self, found: dict[str, str] | None = None, **more: str) -> list[str]:
        return list(self.look(found, **more).due)


def test_a_file_is_due_once_it_was_the_same_twice() -> None:
    watcher = Watcher()
    assert watcher.due(a="1") == []
    assert watcher.due(a="1") == ["a"]
    assert watcher.due(a="1") == []


def test_a_file_that_is_being_written_waits() -> None:
    watcher = Watcher()
    for size in "1234":
        assert watcher.due(a=size) == []
    assert watcher.due(a="4") == ["a"]


def test_a_changed_file_is_due_again_with_another_mark() -> None:
    watcher = Watcher()
    watcher.look(a="1")
    first = watcher.look(a="1").due
    assert watcher.due(a="2") == []
    second = watcher.look(a="2").due
    assert first.keys() == second.keys() == {"a"}
    assert first != second


def test_a_change_that_is_taken_back_is_not_due() -> None:
    watcher = Watcher()
    watcher.look(a="1")
    watcher.look(a="1")
    watcher.look(a="2")
    assert watcher.look(a="1").waiting == 0
    assert watcher.due(a="1") == []


def test_no_more_than_the_limit_at_once_and_the_rest_later() -> None:
    watcher = Watcher(limit=2)
    files = dict.fromkeys("edcba", "1")
    watcher.look(files)
    assert [watcher.due(files) for _ in range(4)] == [["a", "b"], ["c", "d"], ["e"], []]


def test_who_waits_longest_is_first() -> None:
    watcher = Watcher(limit=1)
    watcher.look(z="1")
    assert watcher.due(z="1", a="1", b="1") == ["z"]
    assert watcher.due(z="1", a="1", b="1", _0="1") == ["a"]
    assert watcher.due(z="1", a="1", b="1", _0="1") == ["b"]


def test_a_vanished_file_is_told_of_once() -> None:
    watcher = Watcher()
    watcher.look(a="1", b="1")
    watcher.look(a="1", b="1")
    assert watcher.look(b="1").vanished == {short_hash("a")}
    assert watcher.look(b="1").vanished == set()


def test_a_file_that_vanished_while_it_waited_is_forgotten() -> None:
    watcher = Watcher()
    watcher.look(a="1")
    gone = watcher.look()
    assert (gone.waiting, gone.vanished) == (0, frozenset())
    assert watcher.due(a="1") == []
    assert watcher.due(a="1") == ["a"]


def test_a_file_of_which_nothing_is_known_keeps_its_place() -> None:
    watcher = Watcher()
    watcher.look(a="1", b="1")
    watcher.look(a="1", b="1")
    watcher.look(a="2", b="1")
    silent = watcher.look({}, "a", "b")
    assert (silent.waiting, len(silent.vanished), len(silent.due)) == (1, 0, 0)
    assert watcher.due(a="2", b="1") == ["a"]


def test_a_cursor_of_another_upstream_or_no_cursor_is_begun_anew() -> None:
    watcher = Watcher()
    watcher.look(a="1")
    watcher.look(a="1")
    same, other = Seen.from_json(watcher.cursor, BASE), Seen.from_json(watcher.cursor, "/other")
    assert same.requested
    assert not other.requested
    for cursor in (None, "", "{", "[]", "3", "null", json.dumps({"upstream": short_hash(BASE)})):
        assert Seen.from_json(cursor, BASE) == Seen(short_hash(BASE), {}, {})


def test_ten_thousand_files_of_any_name_fit() -> None:
    watcher = Watcher(limit=5_000)
    files = {f"{'x' * 190}{i}.img": f"size {i}" for i in range(10_000)}
    watcher.look(files)
    assert len(watcher.look(files).due) == 5_000
    watcher.look({name: f"{mark}+" for name, mark in files.items()})  # all have changed
    assert watcher.cursor is not None
    assert len(watcher.cursor) < 1_000_000


@settings(max_examples=200, deadline=None)
@given(
    looks=st.lists(st.dictionaries(st.sampled_from("abcde"), st.sampled_from("123")), max_size=12),
    limit=st.integers(1, 3),
)
def test_none_lost_and_none_twice(looks: list[dict[str, str]], limit: int) -> None:
    """Whatever was seen before, what stays as it is has had its run in the end, and just one."""
    watcher = Watcher(limit)
    last: dict[str, str] = {}
    for found in looks:
        for name, mark in watcher.look(found).due.items():
            assert mark == short_hash(found[name])
            assert last.get(name) != mark
            last[name] = mark
        last = {name: mark for name, mark in last.items() if name in found}
    final = looks[-1] if looks else {}
    for _ in range(6):
        last.update(watcher.look(final).due)
    assert last == {name: short_hash(mark) for name, mark in final.items()}
    assert watcher.due(final) == []
