"""Where the sensor keeps what it remembers: beside the results, in the storage.

A sensor's cursor is stored with every tick, so it has to be small: it only names a *snapshot* of
the memory, which is a file of its own. Snapshots are never changed. A tick reads the one that the
cursor names, and writes the next one if there is something new. If the daemon is killed before it
has stored the new cursor, the next tick begins with the old snapshot and requests the same.

    <storage>/.imagetl/watch/<hash of the upstream>/<number>-<hash of the content>/seen
"""

from __future__ import annotations

import re
import zlib
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from imagetl_assets.automation.watch import Seen, short_hash
from imagetl_assets.names import RESERVED_FOLDER
from imagetl_assets.storage import Store

_CURSOR = re.compile(r"[0-9]{10}-[0-9a-f]{16}")
_FILE = "seen"
# A tick that runs at the same time, or is repeated, may still need those before the last one.
_KEPT = 3


class _Cursor(msgspec.Struct):
    upstream: str
    snapshot: str


@dataclass(frozen=True)
class Memory:
    """What a look begins with.

    Attributes:
        seen: what is remembered; nothing, if it is lost.
        snapshot: which snapshot that is; an empty text for none.
    """

    seen: Seen
    snapshot: str


class WatchMemory:
    """The snapshots about one upstream."""

    def __init__(self, store: Store, upstream: str) -> None:
        self._store = store
        self._upstream = short_hash(upstream)
        self._folder = f"{RESERVED_FOLDER}/watch/{self._upstream}"

    def load(self, cursor: str | None) -> Memory:
        """Return the snapshot that the cursor names.

        If there is none, or no such cursor, return the newest one. It is not certain that what it
        says of the last look has reached Dagster.
        """
        named = self._named_by(cursor)
        if named and (seen := self._read(named)):
            return Memory(seen, named)
        for snapshot in reversed(self._snapshots()):
            if seen := self._read(snapshot):
                return Memory(seen.with_last_again(), snapshot)
        return Memory(Seen(), "")

    def save(self, memory: Memory, seen: Seen) -> str:
        """Store what is remembered from now on, if it is something else; return the cursor."""
        if seen == memory.seen:
            return self._cursor(memory.snapshot)
        data = zlib.compress(msgspec.msgpack.encode(seen), 1)
        number = int(memory.snapshot.partition("-")[0] or 0) + 1
        snapshot = f"{number:010}-{short_hash(data.hex())}"
        self._store.write(f"{self._folder}/{snapshot}/{_FILE}", data)
        for old in self._snapshots()[:-_KEPT]:
            if old not in (snapshot, memory.snapshot):
                self._store.delete_folder(f"{self._folder}/{old}")
        return self._cursor(snapshot)

    def _cursor(self, snapshot: str) -> str:
        return msgspec.json.encode(_Cursor(self._upstream, snapshot)).decode()

    def _named_by(self, cursor: str | None) -> str | None:
        """Return the snapshot that a cursor names, if it is about this upstream."""
        with suppress(msgspec.MsgspecError):
            named = msgspec.json.decode(cursor or "", type=_Cursor)
            if named.upstream == self._upstream and _CURSOR.fullmatch(named.snapshot):
                return named.snapshot
        return None

    def _snapshots(self) -> list[str]:
        names = self._store.list_folders(self._folder)
        return sorted(name for name in names if _CURSOR.fullmatch(name))

    def _read(self, snapshot: str) -> Seen | None:
        try:
            data = self._store.read(f"{self._folder}/{snapshot}/{_FILE}")
            return msgspec.msgpack.decode(zlib.decompress(data), type=Seen)
        except (FileNotFoundError, zlib.error, msgspec.MsgspecError):
            return None  # it is lost, or no longer one that can be read
