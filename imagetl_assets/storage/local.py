"""A folder as a store."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from imagetl_assets.names import RESERVED_FOLDER
from imagetl_assets.storage.base import (
    FileChanged,
    FileState,
    Store,
    StoreError,
    WriteConflict,
)
from imagetl_assets.storage.durable import sync_folder
from imagetl_assets.storage.exchange import exchange
from imagetl_assets.storage.file_version import local_state
from imagetl_assets.storage.local_errors import explained
from imagetl_assets.storage.local_writing import replacing

# What is left of a disk for others: this much, or a twentieth of a small one.
_RESERVE = 1024**3
# Begins the name of a folder that is being deleted.
_DELETED = ".deleted-"


class LocalStore(Store):
    """Files in a folder. A file is written under another name and renamed when it is complete."""

    creates_only_new = False

    def __init__(self, root: str, *, follow_links: bool = False) -> None:
        self._path = Path(root)
        self._follow_links = follow_links
        self.root = root

    def identity(self) -> str:
        """Return the id in a file that whoever used the folder first has written.

        It is in a folder of its own: unlike a file, a folder that is renamed never replaces one
        that another process has just made, and unlike hard links, all file systems have that.
        """
        place = self._path / RESERVED_FOLDER / "identity"
        with explained(place):
            if (known := self._known_identity(place)) is not None:
                return known
            mine = place.with_name(f"identity.{uuid.uuid4()}")
            try:
                mine.mkdir(parents=True)
                (mine / "id").write_text(str(uuid.uuid4()))
                mine.rename(place)
            except OSError:
                shutil.rmtree(mine, ignore_errors=True)
                if not place.exists():
                    raise
            return (place / "id").read_text()

    def _known_identity(self, place: Path) -> str | None:
        for path in (place / "id", place.with_name("id")):  # the latter is of older versions
            with suppress(FileNotFoundError):
                return path.read_text()
        return None

    def uri(self, key: str) -> str:
        return (self._path / key).as_uri()

    def state(self, key: str) -> FileState | None:
        try:
            with self._at(key).open("rb") as file:
                return local_state(file)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def open(self, key: str, state: FileState | None = None) -> BinaryIO:
        file = self._at(key).open("rb")
        if state and local_state(file) != state:
            file.close()
            raise FileChanged(self.uri(key))
        return file

    @contextmanager
    def create(
        self, key: str, *, make_folder: bool = True, only_new: bool = False
    ) -> Iterator[BinaryIO]:
        assert not only_new  # see creates_only_new
        path = self._at(key)
        if make_folder:
            _make_folder_of(path)
        with replacing(path) as file:
            yield file

    def _at(self, key: str) -> Path:
        """Return the path of a file or folder.

        Raises:
            StoreError: a symbolic link leads out of the root. So whoever can write to the storage
                cannot make a run read or write elsewhere. (Upstream, links are followed.)
        """
        path = self._path / key
        if self._follow_links or not self._has_links(key):
            return path
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._path)):
            raise StoreError(
                f"{path} leads out of {self.root} by a symbolic link, which is not followed: "
                "remove the link",
                may_pass=False,
            )
        return path

    def _has_links(self, key: str) -> bool:
        """Tell whether a part of the path below the root is a link, or may lead elsewhere."""
        path = self.root
        for name in key.split("/"):
            path = f"{path}/{name}"
            if name in ("", "..") or os.path.islink(path):
                return True
        return False

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
            yield self._at(key).read_bytes()

    def write_many(
        self, files: Mapping[str, bytes], *, make_folder: bool = True, only_new: bool = False
    ) -> None:
        assert not only_new  # see creates_only_new
        paths = {key: self._at(key) for key in files}
        folders = {path.parent: path for path in paths.values()}
        if make_folder:
            for path in folders.values():
                _make_folder_of(path)
        for key, data in files.items():
            with replacing(paths[key]) as file:
                file.write(data)
        for folder in folders:
            sync_folder(folder)

    def make_folder(self, folder: str) -> None:
        path = self._at(folder)
        with explained(path):
            path.mkdir(parents=True)
            for parent in path.parents:
                if parent.is_relative_to(self._path):
                    sync_folder(parent)

    def prepare_folder(self, folder: str) -> None:
        path = self._at(folder)
        try:
            with explained(path, makes_folders=False):
                path.mkdir()
        except FileNotFoundError:
            raise WriteConflict(folder) from None

    def has_folder(self, folder: str) -> bool:
        return self._at(folder).is_dir()

    def move(self, source: str, target: str) -> None:
        path = self._at(target)
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with explained(path, makes_folders=False):
            self._at(source).replace(path)
            sync_folder(path.parent)

    def replace_folder(
        self, written: str, folder: str, names: Sequence[str], known: Sequence[str]
    ) -> list[str]:
        new, place = self._at(written), self._at(folder)
        found = set(os.listdir(new))
        if missing := set(names) - found:
            raise FileNotFoundError(str(new / min(missing)))
        for name in found - set(names):
            (new / name).unlink()
        with explained(place, makes_folders=False):
            sync_folder(new)
            try:
                new.rename(place)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                if not exchange(new, place):
                    place.rename(new.with_name(f"{new.name}.old"))
                    new.rename(place)
            sync_folder(place.parent)
        return []

    def delete_many(self, keys: Iterable[str]) -> None:
        for key in keys:
            path = self._at(key)
            with explained(path):
                path.unlink(missing_ok=True)

    def delete_folder(self, folder: str, names: Sequence[str] | None = None) -> None:
        path = self._at(folder)
        # It is gone at once, even if this process is killed while it deletes the files.
        deleted = path.with_name(f"{_DELETED}{uuid.uuid4().hex[:12]}")
        with explained(path, makes_folders=False), suppress(FileNotFoundError):
            path.rename(deleted)
            # Those that a killed process has left are deleted, too.
            for left in path.parent.glob(f"{_DELETED}*"):
                shutil.rmtree(left, ignore_errors=True)

    def list_folders(self, parent: str) -> list[str]:
        return self._list(parent, os.DirEntry.is_dir)

    def list_files(self, folder: str) -> list[str]:
        return self._list(folder, os.DirEntry.is_file)

    def _list(self, folder: str, wanted: Callable[[os.DirEntry[str]], bool]) -> list[str]:
        try:
            with os.scandir(self._at(folder)) as entries:
                return [entry.name for entry in entries if wanted(entry)]
        except FileNotFoundError:
            return []


def _make_folder_of(path: Path) -> None:
    """Make the folder that a file is to be in. Raises StoreError if that cannot be."""
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
