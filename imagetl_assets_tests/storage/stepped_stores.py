"""Stores each call of which is a step, see `stepping`: a folder, and buckets in memory."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, cast

from imagetl_assets.storage import Store
from imagetl_assets.storage.base import WriteConflict
from imagetl_assets.storage.local import LocalStore
from imagetl_assets.storage.remote import RemoteStore
from imagetl_assets_tests.storage.stepping import checkpoint


class SteppedBucket(RemoteStore):
    """A bucket, in memory, each request to which is a step.

    Attributes:
        creates_only_new: whether it can be told to create a file only if there is none.
    """

    creates_only_new = False

    def __init__(self, root: str) -> None:
        super().__init__(root, root)
        self._fs = _SteppedRequests(self._fs)

    @contextmanager
    def create(
        self, key: str, *, make_folder: bool = True, only_new: bool = False
    ) -> Iterator[BinaryIO]:
        parts: list[bytes] = []
        yield cast(BinaryIO, _Appending(parts))
        self.write_many({key: b"".join(parts)}, only_new=only_new)

    def _create_many(self, files: Mapping[str, bytes]) -> None:
        for path, data in files.items():
            checkpoint()
            memory = self._fs.memory
            if memory.exists(path) and memory.cat_file(path) != data:
                raise WriteConflict(path)
            memory.pipe_file(path, data)

    def _copy(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        for source, target in zip(sources, targets, strict=True):
            self._fs.cp_file(source, target)

    def _delete(self, paths: Any) -> None:
        for path in paths:
            with suppress(FileNotFoundError):
                self._fs.rm_file(path)

    def delete_many(self, keys: Any) -> None:
        # The one thing that is not protected, see `publishing`: nobody stops between the look
        # before it and the deletion.
        for key in keys:
            if self._fs.memory.exists(self._full(key)):
                self._fs.memory.rm_file(self._full(key))


class CreatingBucket(SteppedBucket):
    creates_only_new = True


class SteppedCalls:
    """A store of any kind, each call of which is a step."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found) or name == "delete_many":  # see SteppedBucket
            return found

        def stepped(*args: Any, **options: Any) -> Any:
            checkpoint()
            return found(*args, **options)

        return stepped


class _Appending:
    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)


class _SteppedRequests:
    def __init__(self, memory: Any) -> None:
        self.memory = memory

    def __getattr__(self, name: str) -> Any:
        request = getattr(self.memory, name)

        def stepped(*args: Any, **options: Any) -> Any:
            checkpoint()
            return request(*args, **options)

        return stepped


@contextmanager
def bucket(kind: type[SteppedBucket]) -> Iterator[Store]:
    store = kind(f"memory://{uuid.uuid4()}")
    try:
        yield store
    finally:
        store._fs.memory.rm(store._prefix, recursive=True)


_CALLS = ("rename", "mkdir", "remove", "rmdir", "scandir", "listdir")
_DISK_CALLS = {"open", *(f"os.{name}" for name in _CALLS)}


def step_at_disk_calls(event: str, args: tuple[Any, ...]) -> None:
    if event in _DISK_CALLS:
        checkpoint()


@contextmanager
def disk() -> Iterator[Store]:
    folder = tempfile.mkdtemp()
    try:
        yield LocalStore(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
