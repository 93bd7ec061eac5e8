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


class WriteConflict(Exception):
    """Somebody else has removed the folder that a write needs, or has written the file before."""


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

    creates_only_new: bool
    """Whether a file can be created only if it is not there yet: see `only_new` of `write_many`.

    It is worth it where a file cannot be renamed, but has to be copied.
    """

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
    def create(
        self, key: str, *, make_folder: bool = True, only_new: bool = False
    ) -> AbstractContextManager[BinaryIO]:
        """Open a new file for writing; it replaces `key` when the block ends without an error.

        The arguments, and what they raise, are those of `write_many`.
        """

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
    def write_many(
        self, files: Mapping[str, bytes], *, make_folder: bool = True, only_new: bool = False
    ) -> None:
        """Write these small files.

        Args:
            files: content by key.
            make_folder: whether to make the folder that a file is in. If not, and if the store has
                folders, somebody can keep others from writing by deleting their folder.
            only_new: whether to leave a file that is there as it is. Only if `creates_only_new`.

        Raises:
            WriteConflict: the folder is not there, or the file is there and has other bytes.
        """

    @abstractmethod
    def make_folder(self, folder: str) -> None:
        """Make a folder that can be seen by `has_folder` and `list_folders` of others."""

    @abstractmethod
    def prepare_folder(self, folder: str) -> None:
        """Make a folder in one that is there, if the store has folders.

        Raises:
            WriteConflict: the folder that it is to be in is not there.
        """

    @abstractmethod
    def has_folder(self, folder: str) -> bool:
        """Tell whether a folder is there that `make_folder` has made."""

    @abstractmethod
    def move(self, source: str, target: str) -> None:
        """Put a file in the place of another. In a bucket, the source stays, too.

        Raises:
            FileNotFoundError: the source is not there.
        """

    @abstractmethod
    def replace_folder(
        self, written: str, folder: str, names: Sequence[str], known: Sequence[str]
    ) -> list[str]:
        """Make `folder` hold the files `names` of the folder `written`.

        On a disk, the two folders change places at once. In a bucket, files are copied one by one.

        Args:
            written: path of a folder.
            folder: path of a folder.
            names: of files in `written`.
            known: names of files that may be in `folder`, as the listing of a bucket may be late.

        Returns:
            The names of files that are still in `folder`, but are none of these.

        Raises:
            FileNotFoundError: some of the files are not in `written`.
        """

    @abstractmethod
    def delete_many(self, keys: Iterable[str]) -> None:
        """Delete these files, as far as they are there."""

    @abstractmethod
    def delete_folder(self, folder: str, names: Sequence[str] | None = None) -> None:
        """Delete a folder and all that is in it, if it is there.

        Args:
            folder: path of the folder.
            names: of all files in it, if they are known, which spares a bucket a listing. The file
                that `make_folder` writes is not among them.
        """

    @abstractmethod
    def list_folders(self, parent: str) -> list[str]:
        """Return the names of the folders in `parent`."""

    @abstractmethod
    def list_files(self, folder: str) -> list[str]:
        """Return the names of the files in `folder`, without those in folders of it."""

    def delete(self, key: str) -> None:
        """Delete a file, if it is there."""
        self.delete_many([key])

    def room(self) -> int | None:
        """Return how many more bytes there is room for, or None if that is not limited."""
        return None

    def read(self, key: str) -> bytes:
        """Return the content of a small file."""
        return next(iter(self.read_many([key])))

    def write(self, key: str, data: bytes) -> None:
        """Write a small file."""
        self.write_many({key: data})
