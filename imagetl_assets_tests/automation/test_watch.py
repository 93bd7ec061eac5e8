"""What the sensor decides, look after look, without any upstream."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from imagetl_assets.automation.watch import Change, Decision, Limits, Seen, decide, run_key
from imagetl_assets.upstream.listing import Listing


class Watcher:
    """Looks again and again; a moment is the number of the look."""

    def __init__(self, limit: int = 10, files: int = 1) -> None:
        self.limits = Limits(limit, files, may_share=lambda name: name.startswith("new"))
        self.seen = Seen()
        self.moment = 0

    def look(self, found: dict[str, str] | None = None, *unknown: str, **more: str) -> Decision:
        self.moment += 1
        listing = Listing({**(found or {}), **more}, dict.fromkeys(unknown, "no answer"))
        decision = decide(self.seen, listing, self.limits, self.moment)
        self.seen = decision.seen
        return decision

    def due(self, found: dict[str, str] | None = None, **more: str) -> list[str]:
        return list(self.look(found, **more).due)

    def keys(self, **found: str) -> list[str]:
        decision = self.look(found)
        return [run_key(names, decision.due) for names in decision.runs]


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


def test_what_changes_often_waits_until_it_is_quiet() -> None:
    watcher = Watcher()
    watcher.limits = Limits(10, quiet_ms=3)
    assert watcher.due(a="1") == []
    assert watcher.due(a="1") == []
    assert watcher.due(a="2") == []
    assert [watcher.due(a="2") for _ in range(4)] == [[], [], ["a"], []]


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
        decision = watcher.look(found)
        keys.extend(run_key(names, decision.due) for names in decision.runs)
        for name, change in decision.due.items():
            assert change.mark == found[name]
            assert last.get(name) != change.mark
            last[name] = change.mark

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
        run_key([name], {name: Change(mark, moment)})
        for name in ("a", "b")
        for mark in ("1", "2")
        for moment in (1, 2)
    }
    assert len(keys) == 8


def test_new_files_share_runs_and_others_have_theirs() -> None:
    watcher = Watcher(limit=3, files=2)
    files = dict.fromkeys(("old", "new1", "new2", "new3", "new4", "new5"), "1")
    watcher.look(files)
    decision = watcher.look(files)
    assert decision.runs == [("old",), ("new1", "new2"), ("new3", "new4")]
    assert list(decision.seen.shared.values()) == [("new1", "new2"), ("new3", "new4")]
    assert list(decision.seen.waiting) == ["new5"]


def test_runs_over_several_files_count_until_they_have_ended() -> None:
    """So the queue holds no more of them than one look requests."""
    watcher = Watcher(limit=2, files=2)
    files = {f"new{i}": "1" for i in range(8)}
    watcher.look(files)
    first = watcher.look(files)
    assert len(first.runs) == 2
    assert watcher.look(files).runs == []
    watcher.seen = watcher.seen.without_ended({next(iter(first.seen.shared)): ()}, 9)
    assert watcher.look(files).runs == [("new4", "new5")]


def test_files_that_failed_in_a_run_over_several_have_runs_of_their_own() -> None:
    watcher = Watcher(limit=4, files=3)
    files = {f"new{i}": "1" for i in range(3)}
    watcher.look(files)
    (key,) = watcher.keys(**files)
    watcher.limits = Limits(4)  # they are known to Dagster from now on
    watcher.seen = watcher.seen.without_ended({key: {"new0", "new2"}}, 9)
    keys = watcher.keys(**files)
    assert [key.partition("@")[0] for key in keys] == ["new0", "new2"]
    assert not watcher.seen.shared
    assert watcher.keys(**files) == []
