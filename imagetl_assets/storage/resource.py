"""The storage as a Dagster resource, and the layout of a partition's folder in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar
from weakref import WeakKeyDictionary

from dagster import ConfigurableResource, DagsterInstance, DagsterRun, Failure, InitResourceContext
from pydantic import Field, PrivateAttr

from imagetl_assets.names import FRAMES_FOLDER, RESERVED_FOLDER, InvalidName, check_partition_key
from imagetl_assets.partitions import register_partition
from imagetl_assets.records import FramesOwner, Record
from imagetl_assets.storage.base import Store, StoreError
from imagetl_assets.storage.opening import open_store

ROOT_TAG = "imagetl/storage"
ID_TAG = "imagetl/storage_id"

R = TypeVar("R", bound=Record)

# The last run that this process has agreed on a root with, and which one.
_agreements: WeakKeyDictionary[DagsterInstance, tuple[str, str, str]] = WeakKeyDictionary()


@contextmanager
def store_errors_told() -> Iterator[None]:
    """Turn a StoreError into the failure of a step, which is tried again if that may help."""
    try:
        yield
    except StoreError as error:
        raise Failure(str(error), allow_retries=error.may_pass) from None


class PartitionFolder:
    """The files of one partition; all paths are relative to the storage root."""

    def __init__(self, store: Store, partition_key: str) -> None:
        self.store = store
        self._key = check_partition_key(partition_key)
        self.frames = self.path(FRAMES_FOLDER)
        self._deltas = self.path(f"{RESERVED_FOLDER}/deltas")
        self._work = self.path(f"{RESERVED_FOLDER}/work")

    def path(self, name: str) -> str:
        """Return the path of a file that has this name in the partition's folder."""
        return f"{self._key}/{name}"

    def uri(self, name: str) -> str:
        """Return the URI of a file that has this name in the partition's folder."""
        return self.store.uri(self.path(name))

    def load(self, asset: str, kind: type[R]) -> R | None:
        """Return the record of an asset, or None. Raises RecordError if it cannot be read."""
        try:
            data = self.store.read(self._record(asset))
        except FileNotFoundError:
            return None
        record: R = kind.from_json(data)
        return record

    def save(self, asset: str, record: Record) -> None:
        """Store the record of an asset."""
        self.store.write(self._record(asset), record.to_json())

    def batch_record(self, fingerprint: str, mapping_key: str) -> str:
        """Return the path of what a mapped step tells the step that collects."""
        return f"{self._work}/{fingerprint}/{mapping_key}.json"

    def begin_frames(self, frames: FramesOwner) -> tuple[str, FramesOwner | None]:
        """Return where to store frames, and whose may be in the folder of all frames so far.

        They are stored where they belong if that spoils nothing, else aside. What runs of other
        frames have left aside is removed: of two runs of one file at the same time, the newer wins.
        """
        former = self._frames_owner()
        if former is None:
            self._set_frames_owner(frames)
        else:
            for leftover in set(self.store.list_folders(self._work)) - {frames.fingerprint}:
                self.store.delete_folder(f"{self._work}/{leftover}")
        spoils = former is not None and former.fingerprint != frames.fingerprint
        if spoils or self.store.renames_folders:
            return f"{self._work}/{frames.fingerprint}/{FRAMES_FOLDER}", former
        return self.frames, former

    def publish_frames(
        self, frames: FramesOwner, former: FramesOwner | None, written: str, names: Sequence[str]
    ) -> None:
        """Make the folder of all frames hold those of `written`, and nothing of the former ones."""
        if former is None or former.fingerprint == frames.fingerprint:
            self.store.publish(written, self.frames, names, ())
        else:
            # Until it is done, the folder may hold some of each.
            self.store.delete(self._record("frame_files"))
            self._set_frames_owner(former.mixed_with(frames))
            self.store.publish(written, self.frames, names, former.file_names())
        if former not in (None, frames):
            self._set_frames_owner(frames)

    def deltas(self, fingerprint: str) -> str:
        """Return the path of the folder of the frames' differences."""
        return f"{self._deltas}/{fingerprint}"

    def end_frames(
        self, frames: FramesOwner, former: FramesOwner | None, *, left_behind: bool
    ) -> None:
        """Remove what the steps of a run have left for each other, and deltas of other frames."""
        if left_behind:
            self.store.delete_folder(f"{self._work}/{frames.fingerprint}")
        if former and former.optimized:
            wanted = {frames.fingerprint} if frames.optimized else set()
            for unwanted in set(self.store.list_folders(self._deltas)) - wanted:
                self.store.delete_folder(self.deltas(unwanted))

    def _frames_owner(self) -> FramesOwner | None:
        return self.load("frames_owner", FramesOwner)

    def _set_frames_owner(self, frames: FramesOwner) -> None:
        self.save("frames_owner", frames)

    def _record(self, asset: str) -> str:
        return self.path(f"{RESERVED_FOLDER}/{asset}.json")


class ImageStorage(ConfigurableResource):  # type: ignore[type-arg]
    """Where results are kept.

    Example:
        >>> ImageStorage(root="s3://bucket/images")  # doctest: +SKIP
    """

    root: str = Field(description="A folder, or an fsspec URL such as s3://bucket/prefix.")

    _run: DagsterRun | None = PrivateAttr(default=None)
    _instance: DagsterInstance | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Learn which run this is and make its partition known, as Dagster will look it up."""
        self._run, self._instance = context.run, context.instance
        if self._run and self._instance:
            register_partition(self._instance, self._run)

    def folder(self, partition_key: str) -> PartitionFolder:
        """Return the folder of a partition.

        Raises:
            Failure: the key cannot be a folder's name, or this process would write elsewhere than
                the others that work on the run.
        """
        store = open_store(self.root)
        try:
            folder = PartitionFolder(store, partition_key)
        except InvalidName as error:
            raise Failure(str(error), allow_retries=False) from None
        if self._run and self._instance:
            agreement = self._run.run_id, store.root, store.identity()
            if _agreements.get(self._instance) != agreement:
                _agree_on_root(store, self._run.run_id, self._instance)
                _agreements[self._instance] = agreement
        return folder


def _agree_on_root(store: Store, run_id: str, instance: DagsterInstance) -> None:
    """Compare this process's storage with the run's, which the run's tags tell.

    The job tells the root; whoever comes first adds what is not told yet.
    """
    root = store.root
    mine = {ROOT_TAG: root, ID_TAG: store.identity()}
    run = instance.get_run_by_id(run_id)
    tags = run.tags if run else {}
    if missing := {key: value for key, value in mine.items() if value and key not in tags}:
        instance.add_run_tags(run_id, missing)
    agreed = tags.get(ROOT_TAG, root)
    if agreed != root:
        raise Failure(
            f"this worker would write to {root}, but the run writes to {agreed}: "
            "set IMAGETL_STORAGE to the same place for the run and all of its workers",
            allow_retries=False,
        )
    if tags.get(ID_TAG, mine[ID_TAG]) != mine[ID_TAG]:
        raise Failure(
            f"this worker's folder {root} is not the folder {agreed} that the run writes to, only "
            "its namesake on another disk: share it between the hosts, or set IMAGETL_STORAGE to a "
            "bucket",
            allow_retries=False,
        )
