"""How frame files get into the frames folder of a partition.

Invariant: while there is a record of frame files (`frame_files.json`), the frames folder holds each
file that the record names, with the bytes that the record tells. Whoever finds no record takes no
frame. So a clip is never made of a mixture of two sets of frames, whatever is killed, and whenever.

Two sets of frames are the same if their fingerprints are. Three steps of a run take part:

- `find_frames` calls `begin`, which says where the frames are to be written: into the frames folder
  itself where that spoils nothing, else aside, into `.imagetl/work/<fingerprint>/frames`.
- `store_frames`, the mapped step, writes frame files there, and differences between frames into
  `.imagetl/deltas/<fingerprint>`. Reports that are too large for the event log (see
  `assets.step_reports`) go to `.imagetl/work/<fingerprint>`.
- `collect_frames` calls `publish` once all are written.

A disk can put one folder in the place of another, so there the frames are always written aside. A
bucket would have to copy them. So in a bucket, frames are written straight into the frames folder
if it is new or holds the same frames already, and are copied into it only if it holds other frames.

`published_frames.json` says whose frames may be in the frames folder. From it follow the names of
all files that have to be deleted, without a listing, as that of a bucket may be late. The states of
a partition folder, "old" being the frames of an earlier run:

    state                              frames folder      published_frames   frame_files
    1 nothing is stored                absent             absent             absent
    2 first frames are being written   absent (*)         new                absent
    3 published                        new                new                new
    4 the same frames written again    old, being equal   old                old
    5 others are being written aside   old                old                old
    6 others are taking their place    old and new (**)   both               absent
    7 they are there, but no record    new                new                absent
    8 published, not tidied up         new                new                new

    (*) in a bucket: some of them  (**) on a disk: the old, none, or the new

    who                                        from    to
    `begin` of the first run                   1       2
    `begin` of later runs                      3, 8    4 or 5
    `publish`                                  2       7, 3
    `publish`                                  4       3
    `publish`                                  5       6, 7, 8, 3

In states 1, 2, 6 and 7 a reader is told that there are no frames, in all others it finds a whole
set. What heals a run that ends in the middle:

- 2: `publish`, when the run is re-executed; or `begin` of any run, which goes on from here, as file
  names of other frames are known from `published_frames`.
- 4, 5: nothing has to be healed. `begin` of a run of other frames deletes what is aside.
- 6: `publish`, when the run is re-executed; or any later run, whose `begin` finds frames of both
  and writes its own aside, and whose `publish` deletes each name that any of the others can have.
- 7: as 6; `publish` finds the frames in their place.
- 8: `begin` of a run of other frames deletes what is aside.

Where a disk puts a folder of the same frames in the place of the one that is there (4), it is
absent for the moment between two renames, although there is a record. A step that reads a frame at
that moment fails, and is tried again.

Two runs of one file at the same time: the newer one wins. Its `begin` deletes what the older run
has written aside, and the index that it stores is not the older run's, so that run's `publish`
raises `Overtaken`.

One gap is known. A mapped step of an older run may still be at work when a newer run has published.
If the older run writes straight into the frames folder of a bucket, and both runs are about the
same raw file and differ in `resize` only, that step overwrites a frame of the newer run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from imagetl_assets.names import FRAMES_FOLDER
from imagetl_assets.records import (
    FrameFiles,
    FrameIndex,
    PublishedFrames,
    RecordError,
    StoredFrameBatch,
)
from imagetl_assets.storage.partition_folder import PartitionFolder, R

_UNKNOWN = PublishedFrames(None, (), optimized=True)
"""What is assumed of a frames folder whose record cannot be read: there may be anything."""


class Overtaken(Exception):
    """Frames of this run are gone, as a newer run of the same file has taken its place."""


class NothingToPublish(Exception):
    """All frames of the bundle were left out. The message says what is wrong with the first one."""


def begin(folder: PartitionFolder, index: FrameIndex) -> FrameIndex:
    """Return the index with what it says of where its frames are to be written.

    What runs of other frames have left aside is deleted.
    """
    fingerprint = index.fingerprint
    try:
        before = folder.load("published_frames", PublishedFrames)
    except RecordError:
        before = _UNKNOWN
    if before is None:
        folder.save("published_frames", index.when_published)
    else:
        for leftover in set(folder.store.list_folders(folder.work)) - {fingerprint}:
            folder.store.delete_folder(f"{folder.work}/{leftover}")
    others = before is not None and before.fingerprint != fingerprint
    aside = f"{folder.work}/{fingerprint}/{FRAMES_FOLDER}"
    written_to = aside if others or folder.store.renames_folders else folder.frames
    return replace(index, written_to=written_to, published_before=before)


def publish(
    folder: PartitionFolder,
    index: FrameIndex,
    reports: Callable[[], tuple[Sequence[StoredFrameBatch], bool]],
) -> FrameFiles:
    """Put the frames of an index into the frames folder, and return the record of them.

    Args:
        folder: of the partition.
        index: as `begin` has returned it.
        reports: returns what is stored of each frame batch, in order, and whether there are reports
            in the storage that have to be deleted. Raises FileNotFoundError if some are missing.

    It may be called again after it was interrupted, or although it was done.

    Raises:
        Overtaken: a newer run of the same file has begun.
        NothingToPublish: no frame is left.
    """
    newest = _readable(folder, "frames", FrameIndex)
    if newest is None or newest.fingerprint != index.fingerprint:
        raise Overtaken
    # A record of these frames although there were others before: it was called before, and is
    # called again to tidy up.
    files = _record_of(folder, index) if _replaces_others(index) else None
    work_left = files is not None
    if files is None:
        try:
            batches, reports_left = reports()
            files = _frame_files(index, batches)
            _fill_frames_folder(folder, index, files.names)
        except FileNotFoundError:
            if done := _record_of(folder, index):  # as above, and all is tidy
                return done
            raise Overtaken from None
        work_left = reports_left or index.written_to != folder.frames
        if work_left:
            # The IO manager stores the record, too. But what is deleted next is needed until the
            # record is there.
            folder.save("frame_files", files)
    if work_left:
        folder.store.delete_folder(f"{folder.work}/{index.fingerprint}")
    _delete_other_deltas(folder, index)
    return files


def _record_of(folder: PartitionFolder, index: FrameIndex) -> FrameFiles | None:
    """Return the record of the frame files of this index, if there is one."""
    files = _readable(folder, "frame_files", FrameFiles)
    return files if files and files.fingerprint == index.fingerprint else None


def _replaces_others(index: FrameIndex) -> bool:
    """Tell whether there were other frames in the frames folder when the run began."""
    before = index.published_before
    return before is not None and before.fingerprint != index.fingerprint


def _frame_files(index: FrameIndex, batches: Sequence[StoredFrameBatch]) -> FrameFiles:
    damaged = [piece for batch in batches for piece in batch.damaged]
    names = index.file_names(left_out=damaged)
    if not names:
        raise NothingToPublish(damaged[0].problem)
    return FrameFiles(
        raw=index.raw,
        fingerprint=index.fingerprint,
        names=tuple(names),
        frames=tuple(frame for batch in batches for frame in batch.frames),
        damaged=tuple(sorted([*index.damaged, *damaged], key=lambda piece: piece.number)),
    )


def _fill_frames_folder(folder: PartitionFolder, index: FrameIndex, names: Sequence[str]) -> None:
    """Make the frames folder hold these files of the index, and none of those before."""
    before, after = index.published_before, index.when_published
    if before is not None and before.fingerprint != after.fingerprint:
        folder.delete_record("frame_files")
        folder.save("published_frames", before.mixed_with(after))
        folder.store.publish(index.written_to, folder.frames, names, before.file_names())
    else:
        folder.store.publish(index.written_to, folder.frames, names, ())
    if before not in (None, after):
        folder.save("published_frames", after)


def _delete_other_deltas(folder: PartitionFolder, index: FrameIndex) -> None:
    """Delete differences that belong to frames of before, or are not asked for any more."""
    before = index.published_before
    if before and before.optimized:
        wanted = {index.fingerprint} if index.optimize else set()
        for unwanted in set(folder.store.list_folders(folder.deltas)) - wanted:
            folder.store.delete_folder(f"{folder.deltas}/{unwanted}")


def _readable(folder: PartitionFolder, name: str, kind: type[R]) -> R | None:
    """Return a record, or None where there is none that can be read."""
    try:
        return folder.load(name, kind)
    except RecordError:
        return None
