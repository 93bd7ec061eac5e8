"""What the sensor decides, look after look, without any upstream."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from imagetl_assets.automation.watch import Change, Decision, Seen, decide, run_key
from imagetl_assets.upstream.listing import Listing


class Watcher:
    """Looks again and again; a moment is the number of the look."""

    def __init__(self, limit: int = 10) -> None:
        self.limit = limit
        self.seen = Seen()
        self.moment = 0

    def look(self, found: dict[str, str] | None = None, *unknown: str, **more: str) -> Decision:
        self.moment += 1
        listing = Listing({**(found or {}), **more}, dict.fromkeys(unknown, "no answer"))
        decision = decide(self.seen, listing, self.limit, self.moment)
        self.seen = decision.seen
        return decision

    def due(self, found: dict[str, str] | None = None, **more: str) -> list[str]:
        return list(self.look(found, **more).due)

    def keys(self, **found: str) -> list[str]:
        return [run_key(name, change) for name, change in self.look(found).due.items()]


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


def test_a_content_that_comes_back_has_a_run_key_of_its_own() -> None:
    watcher = Watcher()
    keys = []
    for content in "121":
        assert watcher.keys(a=content) == []
        keys += watcher.keys(a=content)
    assert len(set(keys)) == 3


def test_a_look_that_is_repeated_gives_the_same_run_keys() -> None:
    """As it is if the daemon is killed before it has stored what the look gave."""
    watcher = Watcher()
    watcher.look(a="1", b="1")
    before = watcher.seen
    first = watcher.keys(a="1", b="1")
    watcher.seen = before
    assert watcher.keys(a="1", b="1") == first
    watcher.seen = watcher.seen.with_last_again()
    assert watcher.keys(a="1", b="1") == first


def test_a_change_that_is_taken_back_is_not_due() -> None:
    watcher = Watcher()
    watcher.look(a="1")
    watcher.look(a="1")
    watcher.look(a="2")
    assert not watcher.look(a="1").seen.waiting
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
    assert watcher.look(b="1").vanished == ["a"]
    assert watcher.look(b="1").vanished == []


def test_a_file_that_vanished_while_it_waited_is_forgotten() -> None:
    watcher = Watcher()
    watcher.look(a="1")
    gone = watcher.look()
    assert (gone.seen.waiting, gone.vanished) == ({}, [])
    assert watcher.due(a="1") == []
    assert watcher.due(a="1") == ["a"]


def test_a_file_that_vanished_and_comes_back_is_due_again() -> None:
    watcher = Watcher()
    keys = []
    for _ in range(2):
        watcher.look(a="1")
        keys += watcher.keys(a="1")
        watcher.look()
    assert len(set(keys)) == 2


def test_a_file_of_which_nothing_is_known_keeps_its_place() -> None:
    watcher = Watcher()
    watcher.look(a="1", b="1")
    watcher.look(a="1", b="1")
    watcher.look(a="2", b="1")
    silent = watcher.look({}, "a", "b")
    assert (list(silent.seen.waiting), silent.vanished, silent.due) == (["a"], [], {})
    assert watcher.due(a="2", b="1") == ["a"]


@settings(max_examples=200, deadline=None)
@given(
    looks=st.lists(st.dictionaries(st.sampled_from("abcde"), st.sampled_from("123")), max_size=12),
    limit=st.integers(1, 3),
)
def test_none_lost_and_none_twice(looks: list[dict[str, str]], limit: int) -> None:
    """Whatever was seen before, what stays as it is has had its run in the end, and just one."""
    watcher = Watcher(limit)
    last: dict[str, str] = {}
    keys: list[str] = []

    def note(found: dict[str, str]) -> None:
        for name, change in watcher.look(found).due.items():
            assert change.mark == found[name]
            assert last.get(name) != change.mark
            last[name] = change.mark
            keys.append(run_key(name, change))

    for found in looks:
        note(found)
        last = {name: mark for name, mark in last.items() if name in found}
    final = looks[-1] if looks else {}
    for _ in range(6):
        note(final)
    assert last == final
    assert watcher.due(final) == []
    assert len(set(keys)) == len(keys)


def test_run_keys_tell_names_contents_and_moments_apart() -> None:
    keys = {
        run_key(name, Change(mark, moment))
        for name in ("a", "b")
        for mark in ("1", "2")
        for moment in (1, 2)
    }
    assert len(keys) == 8
