"""How frame files get into the frames folder of a partition.

Invariant: while there is a record of frame files (`frame_files.json`), the frames folder holds each
file that the record names, with the size and the sha256 that the record has. A reader that finds no
record uses no frames. After reading frames, it checks that the record is still the same. So no clip
is made of two sets of frames, whichever process is killed or stopped, and at whatever moment.

A set of frames belongs to a claim (see `claims`), which the steps of a run hold in turn:

- `find_frames` calls `begin`. It claims the frames, and stores the index, which names the claim.
- `store_frames`, the mapped step, writes frame files into a folder of the claim (`written_to`), and
  differences between frames into `.imagetl/deltas/<claim>`. Reports that are too large for the
  event log go to the claim's folder, too (see `assets.step_reports`).
- `collect_frames` calls `publish` once all are written.

The frames of a partition are in one of these states ("old" are those of an earlier run):

    state                               frames folder      frame_files
    1 nothing is stored                 absent (*)         absent
    2 new ones are being written        old                old
    3 they are about to be exchanged    old                says that there is an exchange
    4 they are being exchanged          old or new (**)    says that there is an exchange
    5 published                         new                new

    (*) in a bucket: some of the first frames, see below  (**) in a bucket: some of both

If a run ends in state 1, 3 or 4, no reader uses its frames, and the next run starts from the
beginning. If the run is re-executed instead, it continues: `publish` may be called again at any
time, and does what is not done yet.

Each change of state is a move of `claims`, and so is each new file in a frames folder. There is one
exception: in a bucket, files that are not needed any more are deleted in state 4. If a process is
stopped just before such a deletion, and continues after a newer run has published, it deletes a
file of the newer run. The next step that needs the file says that it is missing, and the next run
of the partition stores it again.

On a disk, frames are always written to another folder, and the two folders are exchanged. A bucket
would have to copy each file. So the first frames of a partition are written into the frames folder
itself, if the store can refuse to replace an object (`Store.creates_only_new`): then a process of
an older run cannot change the frames of a newer one. It may add a file that no record names; the
next publication deletes it. Frames count as the first if this run has created the first index of
the partition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from imagetl_assets.names import FRAMES_FOLDER
from imagetl_assets.records import (
    FrameFiles,
    FrameIndex,
    FramesInExchange,
    StoredFrameBatch,
    claim_in,
    decoded,
)
from imagetl_assets.storage.base import WriteConflict, in_blocks
from imagetl_assets.storage.claims import Claim, Overtaken, is_claim, turn_of_claim
from imagetl_assets.storage.partition_folder import PartitionFolder

INDEX = "frames"
FILES = "frame_files"


class NothingToPublish(Exception):
    """All frames of the bundle were left out. The message says what is wrong with the first one."""


def begin(folder: PartitionFolder, index: FrameIndex, turn: str) -> FrameIndex:
    """Claim the frames of a partition, and store the index of those that are to be written.

    Args:
        folder: of the partition.
        index: of the frames.
        turn: of the run, see `claims.turn_of_run`.

    Returns:
        The index as it was stored.

    Raises:
        Overtaken: a newer run has begun.
    """
    claim = Claim.take(folder, INDEX, turn)
    index = replace(index, claim=claim.name)
    if _may_be_first(claim) and (stored := _stored_as_first(folder, index)):
        return stored
    try:
        if index.optimize:
            folder.store.make_folder(deltas_of(folder, index))
        folder.store.prepare_folder(written_to(folder, index))
        claim.save(index)
    except (Overtaken, WriteConflict):
        folder.store.delete_folder(deltas_of(folder, index))
        raise Overtaken from None
    return index


def check_turn(index: FrameIndex, turn: str) -> None:
    """Raise Overtaken if an index that a step finds is that of a newer run than its own.

    Else the step would do the work of the newer run, and end it while that is still at it.
    """
    if (by := turn_of_claim(index.claim)) > turn:
        raise Overtaken(by)


def written_to(folder: PartitionFolder, index: FrameIndex) -> str:
    """Return the path of the folder into which mapped steps write the frames of an index."""
    if index.in_place:
        return folder.frames
    return f"{folder.claim_folder(index.claim)}/{FRAMES_FOLDER}"


def deltas_of(folder: PartitionFolder, record: FrameIndex | FrameFiles) -> str:
    """Return the path of the folder with the differences between the frames."""
    return f"{folder.deltas}/{record.claim}"


def publish(
    folder: PartitionFolder,
    index: FrameIndex,
    reports: Callable[[], Sequence[StoredFrameBatch]],
) -> FrameFiles:
    """Make the frames of an index those of the partition, and store the record of them.

    Args:
        folder: of the partition.
        index: as `begin` has returned it.
        reports: returns what is stored of each frame batch, in order. Raises FileNotFoundError if
            some are missing.

    It may be called again after it was interrupted, or although it was done.

    Raises:
        Overtaken: a newer run of the same file has begun.
        NothingToPublish: no frame is left.
    """
    claim = Claim(folder, index.claim)
    before = _FramesFolder(folder)
    files = before.files
    if files is None or files.claim != index.claim:
        try:
            claim.check()
            files = _frame_files(index, reports())
            if not index.in_place:
                _exchange(claim, files, before)
            # If frames were exchanged, there is a record that says so.
            claim.save_as(FILES, files, is_new=before.record is None and index.in_place)
        except FileNotFoundError:
            raise Overtaken from None
        except NothingToPublish:
            folder.store.delete_folder(claim.path)
            raise
    if not index.in_place:  # else there are no others
        _delete_older_deltas(folder, index)
    folder.store.delete_folder(claim.path)
    return files


class _FramesFolder:
    """What records tell of the frames folder, before something is published.

    Attributes:
        record: as it is stored, or None.
        files: the record of frame files, or None where there is none that can be read.
        names: of files that are there, or may be.
        claim: under which the record was stored, or "".
    """

    def __init__(self, folder: PartitionFolder) -> None:
        self.record = folder.read_record(FILES)
        self.files = decoded(FrameFiles, self.record)
        exchange = self.files or decoded(FramesInExchange, self.record)
        self.names: Sequence[str] = exchange.names if exchange else ()
        self.claim = claim_in(self.record or b"")


def _may_be_first(claim: Claim) -> bool:
    """Tell whether frames could be written into the frames folder: there are none in it."""
    store, folder = claim.folder.store, claim.folder
    return store.creates_only_new and claim.before is None and not store.list_files(folder.frames)


def _stored_as_first(folder: PartitionFolder, index: FrameIndex) -> FrameIndex | None:
    """Store the index as that of the first frames; return None if another run was quicker."""
    first = replace(index, in_place=True)
    record = {folder.record_path(INDEX): first.to_json()}
    try:
        folder.store.write_many(record, only_new=True)
    except WriteConflict:
        return None
    return first


def _frame_files(index: FrameIndex, batches: Sequence[StoredFrameBatch]) -> FrameFiles:
    damaged = [piece for batch in batches for piece in batch.damaged]
    names = index.file_names(left_out=damaged)
    if not names:
        raise NothingToPublish(damaged[0].problem)
    return FrameFiles(
        raw=index.raw,
        names=tuple(names),
        frames=tuple(frame for batch in batches for frame in batch.frames),
        damaged=tuple(sorted([*index.damaged, *damaged], key=lambda piece: piece.number)),
        claim=index.claim,
    )


def _exchange(claim: Claim, files: FrameFiles, before: _FramesFolder) -> None:
    """Put the frames of a claim in the place of those that are there."""
    folder = claim.folder
    was_interrupted = before.claim == claim.name
    if was_interrupted and _are_there(folder, files):
        return
    names = tuple(sorted({*before.names, *files.names}))
    exchange = FramesInExchange(names=names, claim=claim.name)
    claim.save_as(FILES, exchange, is_new=before.record is None)
    claim.check()
    written = f"{claim.path}/{FRAMES_FOLDER}"
    stale = folder.store.replace_folder(written, folder.frames, files.names, before.names)
    if stale:
        claim.check()
        folder.store.delete_many(f"{folder.frames}/{name}" for name in stale)


def _are_there(folder: PartitionFolder, files: FrameFiles) -> bool:
    """Tell whether the frames folder holds the frames of this record: the exchange was done."""
    pairs = list(zip(files.names, files.frames, strict=True))
    try:
        for block in in_blocks(pairs, lambda pair: pair[1].size):
            contents = folder.store.read_many([f"{folder.frames}/{name}" for name, _ in block])
            for (_, frame), data in zip(block, contents, strict=True):
                if hashlib.sha256(data).hexdigest() != frame.sha256:
                    return False
    except FileNotFoundError:
        return False
    return True


def _delete_older_deltas(folder: PartitionFolder, index: FrameIndex) -> None:
    """Delete differences that belong to frames of earlier runs, or of runs that were given up."""
    for name in folder.store.list_folders(folder.deltas):
        if name < index.claim or not is_claim(name):
            folder.store.delete_folder(f"{folder.deltas}/{name}")
