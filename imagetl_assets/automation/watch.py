"""What the sensor remembers of upstream files, and what it decides: functions without any I/O.

A file is *due* once two looks in a row have found the same fingerprint: one that is still being
written changes in between. Names are kept as hashes, so the size of the memory depends on the
number of files alone: 40 bytes for each, and as many again while it waits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from imagetl_assets.upstream.listing import Listing


@dataclass(frozen=True)
class Seen:
    """The memory between two looks.

    Attributes:
        upstream: a hash of where the files are: a memory of others says nothing of them.
        requested: fingerprint of each file that a run was requested for, by the hash of its name.
        waiting: the same for files whose turn has not come; first come, first served.
    """

    upstream: str
    requested: Mapping[str, str]
    waiting: Mapping[str, str]

    def to_json(self) -> str:
        """Return the memory as a sensor's cursor."""
        return json.dumps(vars(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, cursor: str | None, base: str) -> Seen:
        """Return what the cursor says of the upstream at `base`, which may be nothing."""
        upstream = short_hash(base)
        try:
            values = json.loads(cursor or "{}")
            if values.get("upstream") == upstream:
                return cls(upstream, dict(values["requested"]), dict(values["waiting"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            pass  # not ours. Nothing is lost by it, and run keys keep anything from running twice
        return cls(upstream, {}, {})


@dataclass(frozen=True)
class Decision:
    """What follows from a look.

    Attributes:
        seen: the memory for the next look, once the runs were requested.
        due: the files to request runs for, with their fingerprints.
        waiting: how many files will be looked at again before anything is done.
        vanished: hashes of the names of files that runs were requested for and that are gone.
    """

    seen: Seen
    due: dict[str, str]
    waiting: int
    vanished: frozenset[str]


def decide(seen: Seen, listing: Listing, limit: int) -> Decision:
    """Compare a look at the upstream with the memory; request at most `limit` runs."""
    names = {short_hash(name): name for name in sorted(listing.found)}
    unknown = {short_hash(name) for name in listing.unknown}
    now = {key: short_hash(listing.found[name]) for key, name in names.items()}

    new = {key: mark for key, mark in now.items() if seen.requested.get(key) != mark}
    # Those that waited come first, in the order in which they came.
    kept = {
        key: new.get(key, mark)
        for key, mark in seen.waiting.items()
        if key in new or key in unknown
    }
    waiting = {**kept, **new}
    settled = [key for key in kept if seen.waiting[key] == new.get(key)]
    due = {key: waiting.pop(key) for key in settled[:limit]}

    there = {key: mark for key, mark in seen.requested.items() if key in now or key in unknown}
    return Decision(
        seen=Seen(seen.upstream, {**there, **due}, waiting),
        due={names[key]: mark for key, mark in due.items()},
        waiting=len(waiting),
        vanished=frozenset(seen.requested.keys() - there.keys()),
    )


def short_hash(text: str) -> str:
    """Return 16 hex digits: among a million texts, two agree once in forty million times."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
