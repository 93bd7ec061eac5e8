"""A folder as a store."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from imagetl_assets.names import RESERVED_FOLDER
from imagetl_assets.storage.base import FileChanged, FileState, Store
from imagetl_assets.storage.file_version import local_state
from imagetl_assets.storage.local_errors import explained, store_error

# What is left of a disk for others: this much, or a twentieth of a small one.
_RESERVE = 1024**3


class LocalStore(Store):
    """Files in a folder. A file is written under another name and renamed when it is complete."""

    renames_folders = True

    def __init__(self, root: str) -> None:
        self._path = Path(root)
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
            if isinstance(error, OSError) and (known := store_error(error, path)):
                raise known from None
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
