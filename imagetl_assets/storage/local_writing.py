"""How a file gets into a folder as a whole: it is written beside its place, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from imagetl_assets.storage.base import WriteConflict
from imagetl_assets.storage.durable import sync_file
from imagetl_assets.storage.local_errors import explained


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing, which takes the place of `path` when the block ends without error.

    Errors of other code in the block pass unchanged, and nothing is left of the file then.

    Raises:
        WriteConflict: the folder is not there.
        StoreError: the disk is full, or the file cannot be written.
    """
    temporary = _beside(path)
    try:
        with explained(path, makes_folders=False), _needing_its_folder(path):
            file = temporary.open("xb")
        with _closing(file):
            yield cast(BinaryIO, _Written(path, file))
            with explained(path):
                sync_file(file)
                file.close()
        with explained(path, makes_folders=False), _needing_its_folder(path):
            temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _closing(file: BinaryIO) -> Iterator[None]:
    """Close a file whose writing has failed; the first error counts, as closing fails, too."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            file.close()
        raise


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")


@contextmanager
def _needing_its_folder(path: Path) -> Iterator[None]:
    """Raise WriteConflict if the folder that `path` is in is not there."""
    try:
        yield
    except FileNotFoundError:
        raise WriteConflict(str(path)) from None


class _Written:
    """A file that is being written. Errors of the disk name it; other errors pass unchanged."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file

    def write(self, data: bytes | memoryview) -> int:
        with explained(self._path):
            return self._file.write(data)
