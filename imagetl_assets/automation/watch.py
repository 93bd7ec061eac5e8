"""What the sensor remembers of upstream files, and what it decides: functions without any I/O.

A file is *due* once two looks in a row have found the same fingerprint: one that is still being
written changes in between. Each change has a moment, that of the look which first found it. So a
content that comes back is another change, and the same change has the same moment however often
a look at it is repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
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
    """

    requested: Mapping[str, Change] = field(default_factory=dict)
    waiting: Mapping[str, Change] = field(default_factory=dict)
    last: tuple[str, ...] = ()

    def with_last_again(self) -> Seen:
        """Return the memory as if the last look had requested nothing.

        That is right if it is not certain that its requests have reached Dagster: those that have,
        it knows by their run keys.
        """
        again = {name: self.requested[name] for name in self.last if name in self.requested}
        requested = {name: c for name, c in self.requested.items() if name not in again}
        return Seen(requested, {**again, **self.waiting})


@dataclass(frozen=True)
class Decision:
    """What follows from a look.

    Attributes:
        seen: the memory for the next look, once the runs were requested.
        due: the changes to request runs for, by the name of the file.
        vanished: names of files that runs were requested for and that are gone.
    """

    seen: Seen
    due: dict[str, Change]
    vanished: list[str]


def decide(seen: Seen, listing: Listing, limit: int, moment: int) -> Decision:
    """Compare a look at the upstream with the memory; request at most `limit` runs."""
    found, unknown = listing.found, listing.unknown
    waiting: dict[str, Change] = {}
    settled: list[str] = []
    # Those that waited come first, in the order in which they came.
    for name, change in seen.waiting.items():
        mark = found.get(name)
        if mark == change.mark:
            waiting[name] = change
            settled.append(name)
        elif mark is not None and not _is_requested(seen, name, mark):
            waiting[name] = Change(mark, moment)
        elif mark is None and name in unknown:
            waiting[name] = change
    new = (name for name, mark in found.items() if not _is_requested(seen, name, mark))
    for name in sorted(new):
        if name not in seen.waiting:
            waiting[name] = Change(found[name], moment)
    due = {name: waiting.pop(name) for name in settled[:limit]}
    there = {name: c for name, c in seen.requested.items() if name in found or name in unknown}
    return Decision(
        seen=Seen({**there, **due}, waiting, tuple(due)),
        due=due,
        vanished=sorted(seen.requested.keys() - there.keys()),
    )


def run_key(name: str, change: Change) -> str:
    """Return what Dagster knows the run for a change by; it never starts two for one key."""
    return f"{name}@{short_hash(change.mark)}@{change.moment:x}"


def short_hash(text: str) -> str:
    """Return 16 hex digits: among a million texts, two agree once in forty million times."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_requested(seen: Seen, name: str, mark: str) -> bool:
    change = seen.requested.get(name)
    return change is not None and change.mark == mark
