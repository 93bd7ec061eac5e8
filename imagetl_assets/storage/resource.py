"""The storage as a Dagster resource."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from weakref import WeakKeyDictionary

from dagster import ConfigurableResource, DagsterInstance, DagsterRun, Failure, InitResourceContext
from pydantic import Field, PrivateAttr

from imagetl_assets.dagster_private import PARTITION_TAG
from imagetl_assets.names import InvalidName
from imagetl_assets.partitions import register_partition
from imagetl_assets.storage.base import Store, StoreError
from imagetl_assets.storage.claims import turn_of_run
from imagetl_assets.storage.local_errors import store_error
from imagetl_assets.storage.partition_folder import PartitionFolder
from imagetl_assets.storage.store_kinds import open_store

# With this prefix, the UI does not show them.
ROOT_TAG = ".dagster/imagetl_storage"
ID_TAG = ".dagster/imagetl_storage_id"

# The last run for which this process has compared its root with the run's, and what it was: run id,
# root, and identity of the root.
_agreements: WeakKeyDictionary[DagsterInstance, tuple[str, str, str]] = WeakKeyDictionary()

# The last run that this process has asked for its turn: run id and turn.
_turns: WeakKeyDictionary[DagsterInstance, tuple[str, str]] = WeakKeyDictionary()


@contextmanager
def store_errors_as_failures() -> Iterator[None]:
    """Turn a StoreError into the failure of a step, which is tried again if that may help."""
    try:
        yield
    except StoreError as error:
        raise Failure(str(error), allow_retries=error.may_pass) from None
    except OSError as error:
        # From the file system of a local storage, if it names a file.
        if error.filename is None or not (known := store_error(error, error.filename)):
            raise
        raise Failure(str(known), allow_retries=False) from None


class ImageStorage(ConfigurableResource):  # type: ignore[type-arg]
    """Where results are kept.

    Example:
        >>> ImageStorage(root="s3://bucket/images")  # doctest: +SKIP
    """

    root: str = Field(description="A folder, or an fsspec URL such as s3://bucket/prefix.")

    _run: DagsterRun | None = PrivateAttr(default=None)
    _instance: DagsterInstance | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: InitResourceContext) -> None:
        """Remember the run; add its partition to Dagster's list if something is stored of it.

        Steps look it up there. The partition of a new file is added when it has been downloaded, so
        that a name that was mistyped does not become one.
        """
        self._run, self._instance = context.run, context.instance
        key = self._run.tags.get(PARTITION_TAG) if self._run else None
        if key is None or self._instance is None:
            return
        with suppress(InvalidName, StoreError, OSError):  # the step will fail and say why
            folder = PartitionFolder(open_store(self.root), key)
            if not self._instance.has_dynamic_partition("upstream_files", key) and folder.has(
                "raw_data_file"
            ):
                register_partition(self._instance, key)

    def folder(self, partition_key: str) -> PartitionFolder:
        """Return the partition folder.

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

    def turn(self) -> str:
        """Return the place of this run among all: see `claims`. Without a run, it begins now."""
        if self._run is None or self._instance is None:
            return turn_of_run(time.time(), uuid.uuid4().hex)
        return _turn_of(self._run.run_id, self._instance)


def _turn_of(run_id: str, instance: DagsterInstance) -> str:
    known, turn = _turns.get(instance, ("", ""))
    if known != run_id:
        record = instance.get_run_record_by_id(run_id)
        started = record and (record.start_time or record.create_timestamp.timestamp())
        turn = turn_of_run(started or time.time(), run_id)
        _turns[instance] = run_id, turn
    return turn


def _agree_on_root(store: Store, run_id: str, instance: DagsterInstance) -> None:
    """Compare this process's storage with that of the run, which is in the tags of the run.

    The job sets the tag of the root; the first process adds the tag of the root's identity.
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
            f"this worker's folder {root} is not the folder {agreed} that the run writes to: both "
            "have the same name, but they are on different disks. Share one folder between the "
            "hosts, or set IMAGETL_STORAGE to a bucket",
            allow_retries=False,
        )
