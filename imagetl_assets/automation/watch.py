"""What the sensor remembers of upstream files, and what it decides: functions without any I/O.

A file is *due* for a run when two looks in a row have found the same fingerprint, and the
fingerprint has been the same for a time that can be set. A file that is still being written changes
between two looks. Each change has a moment: the time of the look that has found it first. So if a
file changes back to an earlier content, that is a new change; and a change keeps its moment if a
look is repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from imagetl_assets.upstream.listing import Listing


class Change(NamedTuple):
    """A file has come, or has another content.

    Attributes:
        mark: the fingerprint of the file.
        moment: when a look first found it, in milliseconds since 1970.
    """

    mark: str
    moment: int


@dataclass(frozen=True)
class Seen:
    """The memory between two looks.

    Attributes:
        requested: the last change of each file that a run was requested for, by name.
        waiting: changes whose turn has not come, by name; first come, first served.
        last: names of the files that runs were requested for at the last look.
        shared: names of the files of each run over several that has not ended, by its key.
    """

    requested: Mapping[str, Change] = field(default_factory=dict)
    waiting: Mapping[str, Change] = field(default_factory=dict)
    last: tuple[str, ...] = ()
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def with_last_again(self) -> Seen:
        """Return the memory as if the last look had requested nothing.

        That is right if it is not certain that its requests have reached Dagster: those that have,
        it knows by their run keys.
        """
        again = {name: self.requested[name] for name in self.last if name in self.requested}
        requested = {name: c for name, c in self.requested.items() if name not in again}
        return Seen(requested, {**again, **self.waiting}, (), self.shared)

    def without_ended(self, failed: Mapping[str, Collection[str]], moment: int) -> Seen:
        """Return the memory once runs over several files have ended.

        Args:
            failed: the names of the files that have failed, for each run that has ended, by its
                key. Each of them has a run of its own.
            moment: now.
        """
        ended = {key: names for key, names in self.shared.items() if key in failed}
        again = {
            name: Change(self.requested[name].mark, moment)
            for key, names in ended.items()
            for name in names
            if name in failed[key] and name in self.requested and name not in self.waiting
        }
        requested = {name: c for name, c in self.requested.items() if name not in again}
        shared = {key: names for key, names in self.shared.items() if key not in ended}
        return Seen(requested, {**self.waiting, **again}, self.last, shared)


@dataclass(frozen=True)
class Decision:
    """What follows from a look.

    Attributes:
        seen: the memory for the next look, once the runs were requested.
        due: the changes to request runs for, by the name of the file.
        runs: the names of the files of each run.
        vanished: names of files that runs were requested for and that are gone.
    """

    seen: Seen
    due: dict[str, Change]
    runs: list[tuple[str, ...]]
    vanished: list[str]


@dataclass(frozen=True)
class Limits:
    """How many runs are requested, and how soon.

    Attributes:
        runs: at one look, at most, with those over several files that have not ended yet.
        files: in one run, at most.
        may_share: whether a file may be in a run with others.
        quiet_ms: how long a file has to stay as it is, in milliseconds.
    """

    runs: int
    files: int = 1
    may_share: Callable[[str], bool] = lambda name: False
    quiet_ms: int = 0


def decide(seen: Seen, listing: Listing, limits: Limits, moment: int) -> Decision:
    """Compare a look at the upstream with the memory; decide which runs to request."""
    found, unknown = listing.found, listing.unknown
    waiting: dict[str, Change] = {}
    settled: list[str] = []
    # Those that waited come first, in the order in which they came.
    for name, change in seen.waiting.items():
        mark = found.get(name)
        if mark == change.mark:
            waiting[name] = change
            if not limits.quiet_ms or moment - change.moment >= limits.quiet_ms:
                settled.append(name)
        elif mark is not None and not _is_requested(seen, name, mark):
            waiting[name] = Change(mark, moment)
        elif mark is None and name in unknown:
            waiting[name] = change
    new = (name for name, mark in found.items() if not _is_requested(seen, name, mark))
    for name in sorted(new):
        if name not in seen.waiting:
            waiting[name] = Change(found[name], moment)
    runs = _runs(settled, limits, len(seen.shared))
    due = {name: waiting.pop(name) for names in runs for name in names}
    shared = {run_key(names, due): names for names in runs if len(names) > 1}
    there = {name: c for name, c in seen.requested.items() if name in found or name in unknown}
    return Decision(
        seen=Seen({**there, **due}, waiting, tuple(due), {**seen.shared, **shared}),
        due=due,
        runs=runs,
        vanished=sorted(seen.requested.keys() - there.keys()),
    )


def _runs(settled: Sequence[str], limits: Limits, unfinished: int) -> list[tuple[str, ...]]:
    """Return the names of the files of each run to request."""
    alone = [(name,) for name in settled if not limits.may_share(name)]
    others = [name for name in settled if limits.may_share(name)]
    shared = [
        tuple(others[i : i + limits.files]) for i in range(0, len(others), max(1, limits.files))
    ]
    room = max(0, limits.runs - len(alone) - unfinished)
    return alone[: limits.runs] + shared[:room]


def run_key(names: Sequence[str], due: Mapping[str, Change]) -> str:
    """Return what Dagster knows the run for these files by; it never starts two for one key."""
    marks = "\n".join(f"{name}\n{due[name].mark}" for name in names[1:])
    mark = "\n".join(filter(None, (due[names[0]].mark, marks)))
    more = f"+{len(names) - 1}" if len(names) > 1 else ""
    moment = max(due[name].moment for name in names)
    return f"{names[0]}{more}@{short_hash(mark)}@{moment:x}"


def short_hash(text: str) -> str:
    """Return 16 hex digits: among a million texts, two agree once in forty million times."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_requested(seen: Seen, name: str, mark: str) -> bool:
    change = seen.requested.get(name)
    return change is not None and change.mark == mark
