"""What a store has to provide, whether it is a folder or a bucket."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

T = TypeVar("T")

# Frames are read and written in blocks of about so many bytes, which takes few requests and little
# memory.
BLOCK_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class FileState:
    """Size in bytes and a version that changes whenever the file is replaced."""

    size: int
    version: str


def in_blocks(items: Iterable[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """Group items, in order, so that no group of several items is larger than a block."""
    block: list[T] = []
    total = 0
    for item in items:
        if block and total + size(item) > BLOCK_BYTES:
            yield block
            block, total = [], 0
        block.append(item)
        total += size(item)
    if block:
        yield block


class FileChanged(Exception):
    """A file was replaced while it was in use, so what is known of its content no longer holds."""


class StoreError(Exception):
    """The store cannot be read or written. The message names the file and says why.

    `may_pass` tells whether trying again may help, without anybody doing something about it.
    """

    def __init__(self, message: str, *, may_pass: bool = True) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class Store(ABC):
    """Files under one root. A key is a relative path with '/' between its parts.

    Every write is atomic: a reader sees the whole of the old content or the whole of the new.
    Methods raise FileNotFoundError where a file that they need is missing, and StoreError where
    the store itself fails, after having tried again what may pass.
    """

    root: str
    """The absolute path or URL of the root, without credentials."""

    renames_folders: bool
    """Whether a folder can be renamed at once, as on a disk. If not, each file has to be copied."""

    @abstractmethod
    def identity(self) -> str:
        """Return an id that tells this root from others of the same name; create it if needed."""

    @abstractmethod
    def uri(self, key: str) -> str:
        """Return the URI of a file, for people and other programs."""

    @abstractmethod
    def state(self, key: str) -> FileState | None:
        """Return the state of a file, or None if there is none."""

    @abstractmethod
    def open(self, key: str, state: FileState | None = None) -> BinaryIO:
        """Open a file for reading from any position.

        Raises:
            FileChanged: the file is not in this state. Reading may raise it, too.
        """

    @abstractmethod
    def create(self, key: str) -> AbstractContextManager[BinaryIO]:
        """Open a new file for writing; it replaces `key` when the block ends without an error."""

    @abstractmethod
    def read_spans(
        self, key: str, spans: Sequence[tuple[int, int]], version: str
    ) -> Iterator[bytes]:
        """Yield the bytes of each (offset, length), in order, holding a few times `BLOCK_BYTES`.

        Raises:
            FileChanged: the file is not, or no longer, the one with this version.
        """

    @abstractmethod
    def read_many(self, keys: Sequence[str]) -> Iterator[bytes]:
        """Yield the content of each of these small files, in order."""

    @abstractmethod
    def write_many(self, files: Mapping[str, bytes]) -> None:
        """Write these small files."""

    @abstractmethod
    def publish(
        self, written: str, folder: str, names: Sequence[str], stale: Sequence[str]
    ) -> None:
        """Make `folder` hold the files `names` of the folder `written`, and no stale ones.

        Args:
            written: path of a folder; it may be the same as `folder`.
            folder: path of a folder.
            names: of files in `written`.
            stale: names of files that may be in `folder` and have to go, except those in `names`.

        See `publishing` for what it is part of. It may be called again after it was interrupted.

        Raises:
            FileNotFoundError: some of the files are in neither folder.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete a file, if it is there."""

    @abstractmethod
    def delete_folder(self, folder: str) -> None:
        """Delete a folder and all that is in it, if it is there."""

    @abstractmethod
    def list_folders(self, parent: str) -> list[str]:
        """Return the names of the folders in `parent`."""

    def room(self) -> int | None:
        """Return how many more bytes there is room for, or None if that is not limited."""
        return None

    def read(self, key: str) -> bytes:
        """Return the content of a small file."""
        return next(iter(self.read_many([key])))

    def write(self, key: str, data: bytes) -> None:
        """Write a small file."""
        self.write_many({key: data})
