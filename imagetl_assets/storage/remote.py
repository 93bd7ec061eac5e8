"""Any place that fsspec can reach, as a store."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, cast

from imagetl_assets.redact import redact_text
from imagetl_assets.storage.base import (
    BLOCK_BYTES,
    FileChanged,
    FileState,
    Store,
    StoreError,
    WriteConflict,
)
from imagetl_assets.storage.file_version import file_state
from imagetl_assets.storage.filesystem import open_filesystem
from imagetl_assets.storage.ranges import each_ahead, open_ranges
from imagetl_assets.storage.remote_errors import is_permanent
from imagetl_assets.storage.remote_parts import Held, blocks_of

# A request takes about as long as moving so many bytes. So at least that much is read at once, and
# the last few parts that were read are kept.
READ_AHEAD = 1024 * 1024
_PARTS_HELD = 4

REQUEST_THREADS = 16

# A bucket has no folders: one is there if this file is.
_MARKER = "claim"


class RemoteStore(Store):
    """Files under an fsspec URL. The stores themselves show a file only when it is complete."""

    creates_only_new = False

    def __init__(self, root: str, url: str) -> None:
        self._fs, path = open_filesystem(url)
        self._prefix = path.rstrip("/")
        self._held: deque[Held] = deque(maxlen=_PARTS_HELD)
        self.root = root

    def identity(self) -> str:
        """Return nothing: a URL is the same place wherever it is used."""
        return ""

    def uri(self, key: str) -> str:
        return f"{self.root}/{key}"

    def state(self, key: str) -> FileState | None:
        with self._explained(key):
            try:
                return self._state(self._full(key))
            except FileNotFoundError:
                return None

    def open(self, key: str, state: FileState | None = None) -> BinaryIO:
        if state is None and (state := self.state(key)) is None:
            raise FileNotFoundError(self.uri(key))
        version = state.version
        return open_ranges(lambda start, end: self._range(key, start, end, version), state.size)

    @contextmanager
    def create(
        self, key: str, *, make_folder: bool = True, only_new: bool = False
    ) -> Iterator[BinaryIO]:
        with self._explained(key, writing=True):
            mode = "xb" if only_new else "wb"
            file = self._fs.open(self._full(key), mode, block_size=BLOCK_BYTES)
        try:
            yield cast(BinaryIO, _Upload(self, key, file))
            with self._explained(key, writing=True):
                file.close()
        except BaseException:
            # Mark it as closed first; else its finalizer would upload what is left.
            file.closed = True
            with suppress(Exception):  # what went wrong before is what is worth telling
                file.discard()
            raise

    def read_spans(
        self, key: str, spans: Sequence[tuple[int, int]], version: str
    ) -> Iterator[bytes]:
        def hold(block: list[tuple[int, int]]) -> Held:
            end = max(offset + length for offset, length in block)
            return self._hold(key, version, block[0][0], end)

        blocks = list(blocks_of(spans))
        for block, held in zip(blocks, each_ahead(hold, blocks), strict=True):
            for offset, length in block:
                yield held.data[offset - held.start : offset - held.start + length]

    def read_many(self, keys: Sequence[str]) -> Iterator[bytes]:
        # Unlike `cat`, this does not take brackets and stars in names for patterns. With a range
        # that starts at 0, it does not ask for the size of the file first.
        paths = [self._full(key) for key in keys]
        with self._explained(*keys):
            contents = self._fs.cat_ranges(paths, 0, None, on_error="return")
            contents = [self._checked(*found) for found in zip(paths, contents, strict=True)]
        yield from contents

    def _checked(self, path: str, content: bytes | Exception) -> bytes:
        """Return what was read of a file, or raise what went wrong, unless the file is just empty.

        There is no range in an empty file, and some stores refuse to read one.
        """
        if not isinstance(content, Exception):
            return content
        if isinstance(content, FileNotFoundError) or self._state(path).size:
            raise content
        return b""

    def write_many(
        self, files: Mapping[str, bytes], *, make_folder: bool = True, only_new: bool = False
    ) -> None:
        contents = {self._full(key): data for key, data in files.items()}
        with self._explained(*files, writing=True):
            if only_new:
                self._create_many(contents)
            else:
                self._fs.pipe(contents)

    def make_folder(self, folder: str) -> None:
        self.write(f"{folder}/{_MARKER}", b"A step is at work.")

    def prepare_folder(self, folder: str) -> None:
        """Do nothing: there are no folders."""

    def has_folder(self, folder: str) -> bool:
        return self.state(f"{folder}/{_MARKER}") is not None

    def move(self, source: str, target: str) -> None:
        with self._explained(target):
            self._copy([self._full(source)], [self._full(target)])

    def replace_folder(
        self, written: str, folder: str, names: Sequence[str], known: Sequence[str]
    ) -> list[str]:
        with self._explained(folder):
            self._copy(
                [self._full(f"{written}/{name}") for name in names],
                [self._full(f"{folder}/{name}") for name in names],
            )
            return sorted({*known, *self.list_files(folder)} - {*names})

    def delete_many(self, keys: Iterable[str]) -> None:
        some = list(keys)
        with self._explained(*some):
            self._delete(self._full(key) for key in some)

    def delete_folder(self, folder: str, names: Sequence[str] | None = None) -> None:
        with self._explained(folder):
            path = self._full(folder)
            if names is None:
                self._delete(self._files(path))
            else:
                self._delete([f"{path}/{name}" for name in (_MARKER, *names)])

    def list_folders(self, parent: str) -> list[str]:
        with self._explained(parent):
            return self._folders(self._full(parent))

    def list_files(self, folder: str) -> list[str]:
        path = self._full(folder)
        with self._explained(folder):
            names = [found.removeprefix(f"{path}/") for found in self._files(path)]
        return [name for name in names if "/" not in name]

    # What special kinds of stores do differently.

    def _state(self, path: str) -> FileState:
        return file_state(self._fs.info(path))

    def _read_range(self, path: str, start: int, end: int, version: str) -> bytes:
        """Return the bytes start..end of a file, or fewer if it ends before. Raises FileChanged."""
        if self._state(path).version != version:
            raise FileChanged(path)
        return cast(bytes, self._fs.cat_file(path, start, end))

    def _files(self, folder: str) -> list[str]:
        """Return the paths of all files in a folder and its folders."""
        return cast("list[str]", self._fs.find(folder))

    def _folders(self, parent: str) -> list[str]:
        """Return the names of the folders in a folder."""
        try:
            entries = self._fs.ls(parent, detail=True)
        except FileNotFoundError:
            return []
        return [
            entry["name"].rsplit("/", 1)[-1] for entry in entries if entry["type"] == "directory"
        ]

    def _copy(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        """Copy small files. Raises FileNotFoundError if one is missing."""
        self._fs.copy(list(sources), list(targets))

    def _create_many(self, files: Mapping[str, bytes]) -> None:
        """Write small files that are not there yet. Raises WriteConflict: see `write_many`."""
        raise NotImplementedError  # as creates_only_new says

    # What all kinds of stores share.

    def _delete(self, paths: Iterable[str]) -> None:
        """Delete those of the files that are there, by one request for each.

        fsspec can delete many files by one request, but not all stores accept that, and some of its
        file systems do not say which of them failed, or take names for patterns.
        """

        def delete(path: str) -> None:
            with suppress(FileNotFoundError):
                self._fs.rm_file(path)

        with ThreadPoolExecutor(REQUEST_THREADS) as pool:
            list(pool.map(delete, paths))

    def _full(self, key: str) -> str:
        return f"{self._prefix}/{key}"

    def _range(self, key: str, start: int, end: int, version: str) -> bytes:
        with self._explained(key):
            return self._read_range(self._full(key), start, end, version)

    def _hold(self, key: str, version: str, start: int, end: int) -> Held:
        """Return a part of the file that covers start..end, from those that are kept if possible.

        In this way, steps that are about one small frame each share requests, even if a process
        runs them in another order than that of the frames.
        """
        for held in tuple(self._held):
            if held.covers(key, version, start, end):
                return held
        if end - start < READ_AHEAD:
            start, end = start // READ_AHEAD * READ_AHEAD, -(-end // READ_AHEAD) * READ_AHEAD
        held = Held(key, version, start, self._range(key, start, end, version))
        if len(held.data) <= 2 * READ_AHEAD:
            self._held.append(held)
        return held

    @contextmanager
    def _explained(self, *keys: str, writing: bool = False) -> Iterator[None]:
        """Turn the errors of any file system into StoreErrors that name the file."""
        try:
            yield
        except (FileChanged, StoreError, WriteConflict):
            raise
        except FileExistsError:
            raise WriteConflict(self.uri(keys[0])) from None
        except Exception as error:  # each file system has its own
            if isinstance(error, FileNotFoundError) and not writing:
                raise
            place = self.uri(keys[0]) if len(keys) == 1 else f"{len(keys)} files in {self.root}"
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            reason = redact_text(reason.partition("\n")[0].strip())
            raise StoreError(
                f"{place}: {reason or type(error).__name__}", may_pass=not is_permanent(error)
            ) from error


class _Upload:
    """A file that is being written. Errors of the store name it; other errors pass unchanged."""

    def __init__(self, store: RemoteStore, key: str, file: Any) -> None:
        self._store = store
        self._key = key
        self._file = file

    def write(self, data: bytes | memoryview) -> int:
        with self._store._explained(self._key, writing=True):
            return cast(int, self._file.write(data))
