"""A folder as a store."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from imagetl_assets.names import RESERVED_FOLDER
from imagetl_assets.storage.base import FileChanged, FileState, Store, StoreError
from imagetl_assets.storage.file_version import local_state

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
# It would be the same at the next attempt: no right, a file where a folder has to be, a bad name.
_CANNOT_BE_WRITTEN = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EINVAL,
)
_REASONS = dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "a file is where a folder has to be")
# What is left of a disk for others: this much, or a twentieth of a small one.
_RESERVE = 1024**3


class LocalStore(Store):
    """Files in a folder. A file is written under another name and renamed when it is complete."""

    renames_folders = True

    def __init__(self, root: str) -> None:
        self._path = Path(root)
        self.root = root

    def identity(self) -> str:
        """Return the id in a file that whoever used the folder first has written."""
        path = self._path / RESERVED_FOLDER / "id"
        with suppress(FileNotFoundError):
            return path.read_text()
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.with_name(f"id.{uuid.uuid4()}")
        mine.write_text(str(uuid.uuid4()))
        try:
            # Unlike a rename, a link never replaces an id that another process has just written.
            os.link(mine, path)
        except FileExistsError:
            pass
        finally:
            mine.unlink()
        return path.read_text()

    def uri(self, key: str) -> str:
        return (self._path / key).as_uri()

    def state(self, key: str) -> FileState | None:
        try:
            with (self._path / key).open("rb") as file:
                return local_state(file)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def open(self, key: str, state: FileState | None = None) -> BinaryIO:
        file = (self._path / key).open("rb")
        if state and local_state(file) != state:
            file.close()
            raise FileChanged(self.uri(key))
        return file

    @contextmanager
    def create(self, key: str) -> Iterator[BinaryIO]:
        path = self._path / key
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                yield file
            temporary.replace(path)
        except BaseException as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                raise StoreError(
                    f"{path.parent}: disk full; make room and run it again", may_pass=False
                ) from None
            if isinstance(error, OSError) and error.errno in _CANNOT_BE_WRITTEN:
                reason = _REASONS.get(error.errno) or (error.strerror or "").lower()
                raise StoreError(f"{path} cannot be written: {reason}", may_pass=False) from None
            raise

    def room(self) -> int | None:
        place = self._path
        while not place.exists():
            place = place.parent
        usage = shutil.disk_usage(place)
        return usage.free - min(_RESERVE, usage.total // 20)

    def read_spans(
        self, key: str, spans: Sequence[tuple[int, int]], version: str
    ) -> Iterator[bytes]:
        with self.open(key) as file:
            if local_state(file).version != version:
                raise FileChanged(self.uri(key))
            for offset, length in spans:
                file.seek(offset)
                yield file.read(length)

    def read_many(self, keys: Sequence[str]) -> Iterator[bytes]:
        for key in keys:
            yield (self._path / key).read_bytes()

    def write_many(self, files: Mapping[str, bytes]) -> None:
        for key, data in files.items():
            with self.create(key) as file:
                file.write(data)

    def publish(
        self, written: str, folder: str, names: Sequence[str], stale: Sequence[str]
    ) -> None:
        """Put the one folder in the place of the other, all of whose files are gone then."""
        new, place = self._path / written, self._path / folder
        if not new.exists():
            for name in names:
                (place / name).stat()
            return
        for name in set(os.listdir(new)) - set(names):
            (new / name).unlink()
        old = new.with_name(f"{new.name}.old")
        with suppress(FileNotFoundError):
            place.rename(old)
        new.rename(place)
        shutil.rmtree(old, ignore_errors=True)

    def delete(self, key: str) -> None:
        (self._path / key).unlink(missing_ok=True)

    def delete_folder(self, folder: str) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self._path / folder)

    def list_folders(self, parent: str) -> list[str]:
        with suppress(FileNotFoundError):
            return [path.name for path in (self._path / parent).iterdir() if path.is_dir()]
        return []
