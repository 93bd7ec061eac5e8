"""Decides which run may make a result visible: the newest run that has begun to make it.

A claim is a folder, `.imagetl/work/<claim>`, into which a step writes its result. When the result
is complete, it is moved to the place where people and other steps look for it. Only the run that
has this folder can do that:

1. To claim a result, a run makes a folder, and then lists the folders of other runs. If there is
   one of a newer run, or if a newer run has stored its record, the run gives its claim up. It
   deletes the folders of older runs.
2. Results become visible only by being moved out of the folder of the claim.
3. So a run that was overtaken finds nothing in its folder that it could move, however long it was
   stopped. It changes nothing, and fails as `Overtaken`.

A run is newer if it has started later. A second attempt of a step counts as newer than the first.
The name of a claim says what is claimed, when the run started, which run it is, and when the claim
was made.

On a disk, a move is a rename, which fails if the file was removed. In a bucket it is a copy, which
fails, too. But in a bucket, a process that was stopped can still write a file into a folder that is
deleted already. So the process checks that its claim is there after it has written, and before it
copies. The newer run deletes all that was written before this check, so it is not copied. One case
of some milliseconds remains: the store is already copying when the newer run deletes the file. All
of this needs a store whose listings are up to date, as those of Amazon, Google, Azure and MinIO
are.

In a bucket, a file that is not there yet is not moved, but created at its place, if the store can
refuse to replace an object (`Store.creates_only_new`). A process of an older run then finds that
the file is there already.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath
from typing import BinaryIO

from imagetl_assets.names import CLAIM
from imagetl_assets.records import Record, claim_in
from imagetl_assets.storage.base import StoreError, WriteConflict
from imagetl_assets.storage.partition_folder import PartitionFolder

_NAME = re.compile(CLAIM)
_US = 1_000_000

# A claim that is older than this belongs to no run that is still at work, whatever it is about.
_FORGOTTEN_AFTER = 14 * 24 * 3600 * _US

_RECORD = "record.json"


class Overtaken(Exception):
    """A newer run of the same file, or another attempt of the same step, has taken over.

    `by` is the turn of the newer run, if it is known that it was one, so that it is no use to claim
    the result again; else None.
    """

    def __init__(self, by: str | None = None) -> None:
        super().__init__()
        self.by = by


def turn_of_run(started: float, run_id: str) -> str:
    """Return what puts runs in order, as text: when a run started, in seconds, and which it is."""
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    return f"{int(started * _US):016d}-{digest}"


def start_of_run(turn: str) -> datetime:
    """Return when the run of a turn started, in UTC, to the second."""
    seconds = int(turn.partition("-")[0]) // _US
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)


def is_claim(name: str) -> bool:
    """Tell whether a text can be the name of a claim, and so that of a folder."""
    return bool(_NAME.fullmatch(name))


def turn_of_claim(name: str) -> str:
    """Return the turn of the run that has made a claim, or "" if the name is not that of one."""
    match = _NAME.fullmatch(name)
    return match[1] if match else ""


class Claim:
    """The right to replace a result, for as long as its folder is there. See above.

    Attributes:
        folder: of the partition.
        name: of the claim.
        path: of the folder in which the results are written.
        before: the record of the result when it was claimed; None if there was none.
    """

    def __init__(self, folder: PartitionFolder, name: str, before: bytes | None = None) -> None:
        self.folder = folder
        self.name = name
        self.path = folder.claim_folder(name)
        self.before = before
        self._written: set[str] = set()

    @classmethod
    def take(cls, folder: PartitionFolder, asset: str, turn: str) -> Claim:
        """Claim the result of an asset; a run that has claimed it before is overtaken.

        Raises:
            Overtaken: a newer run has claimed it, or has made it.
        """
        unique = f"{time.time_ns() // 1000:016d}-{uuid.uuid4().hex[:4]}"
        claim = cls(folder, f"{asset}.{turn}.{unique}")
        folder.store.make_folder(claim.path)
        others = set(folder.store.list_folders(folder.work)) - {claim.name}
        rivals = [name for name in others if name.startswith(f"{asset}.") and is_claim(name)]
        # After the list: a newer run stores its record before it deletes its claim.
        claim.before = folder.read_record(asset)
        published = claim_in(claim.before or b"")
        newest = max(turn_of_claim(name) for name in (*rivals, published))
        if newest > turn:
            claim.release()
            raise Overtaken(by=newest)
        for name in others:
            if name in rivals or _is_forgotten(name):
                folder.store.delete_folder(folder.claim_folder(name))
        return claim

    @classmethod
    def held(cls, folder: PartitionFolder, asset: str, turn: str) -> Claim:
        """Return the claim that an earlier step of a run has taken, or of one that it re-executes.

        Raises:
            Overtaken: it is there no more, or a newer run has claimed the result.
        """
        names = [
            name
            for name in folder.store.list_folders(folder.work)
            if name.startswith(f"{asset}.") and is_claim(name)
        ]
        if not names:
            raise Overtaken
        newest = max(names)  # the turn comes first in them, then the time
        if (by := turn_of_claim(newest)) > turn:
            raise Overtaken(by)
        return cls(folder, newest, folder.read_record(asset))

    def check(self) -> None:
        """Raise Overtaken if somebody has taken over."""
        if not self.folder.store.has_folder(self.path):
            raise Overtaken

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        """Open a file for writing. It becomes visible when the block ends without an error.

        Args:
            path: in the partition folder.

        Raises:
            Overtaken: somebody has taken over. Nothing is changed.
        """
        store, target = self.folder.store, self.folder.path(path)
        name = f"new-{PurePosixPath(path).name}"
        is_new = store.creates_only_new and store.state(target) is None
        try:
            if is_new:
                with store.create(target, only_new=True) as file:
                    yield file
            else:
                with store.create(self._aside(name), make_folder=False) as file:
                    yield file
                self._move(name, target)
        except WriteConflict:
            raise Overtaken from None

    def save(self, record: Record) -> None:
        """Store the record of the asset that is claimed. Raises Overtaken: nothing is changed."""
        self.save_as(self.name.partition(".")[0], record, is_new=self.before is None)

    def save_as(self, name: str, record: Record, *, is_new: bool) -> None:
        """Store a record of another asset, which is made under the same claim.

        Args:
            name: of the record, which is that of the asset.
            record: which is to be stored.
            is_new: whether there was none when it was last looked for.

        Raises:
            Overtaken: somebody has taken over. Nothing is changed.
        """
        store, data, target = self.folder.store, record.to_json(), self.folder.record_path(name)
        if is_new and store.creates_only_new:
            self.check()
            with suppress(WriteConflict):  # another run was quicker
                store.write_many({target: data}, only_new=True)
                return
        try:
            store.write_many({self._aside(_RECORD): data}, make_folder=False)
        except WriteConflict:
            raise Overtaken from None
        self._move(_RECORD, target)

    def release(self) -> None:
        """Give the claim up, and delete what this object has written in its folder."""
        self.folder.store.delete_folder(self.path, sorted(self._written))

    def _aside(self, name: str) -> str:
        self._written.add(name)
        return f"{self.path}/{name}"

    def _move(self, name: str, target: str) -> None:
        self.check()
        try:
            self.folder.store.move(f"{self.path}/{name}", target)
        except FileNotFoundError:
            raise Overtaken from None


@contextmanager
def claimed(folder: PartitionFolder, asset: str, turn: str) -> Iterator[Claim]:
    """Hold a claim while the block runs. Raises Overtaken."""
    claim = Claim.take(folder, asset, turn)
    try:
        yield claim
    finally:
        with suppress(StoreError):  # the next claim deletes what is left of this one
            claim.release()


def _is_forgotten(name: str) -> bool:
    """Tell whether a folder is nobody's: what is left of a deletion, or very old."""
    match = _NAME.fullmatch(name)
    return match is None or int(match[2]) < time.time_ns() // 1000 - _FORGOTTEN_AFTER
