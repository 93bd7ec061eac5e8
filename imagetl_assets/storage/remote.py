"""A bucket, or any other place that fsspec can reach, as a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from imagetl_assets.storage.base import BLOCK_BYTES, FileChanged, FileState, Store


class RemoteStore(Store):
    """Files under an fsspec URL. An upload becomes visible when it is complete, as stores do it."""

    renames_folders = False

    def __init__(self, root: str, url: str) -> None:
        from fsspec.core import url_to_fs

        # Listings must not be kept: other processes write too.
        self._fs, path = url_to_fs(url, use_listings_cache=False)
        self._prefix = path.rstrip("/")
        self.root = root

    def identity(self) -> str:
        """Return nothing: a URL is the same place wherever it is used."""
        return ""

    def uri(self, key: str) -> str:
        return f"{self.root}/{key}"

    def state(self, key: str) -> FileState | None:
        try:
            return file_state(self._fs.info(self._full(key)))
        except FileNotFoundError:
            return None

    def open(self, key: str) -> BinaryIO:
        file = self._fs.open(self._full(key), "rb", block_size=BLOCK_BYTES, cache_type="readahead")
        return cast(BinaryIO, file)

    @contextmanager
    def create(self, key: str) -> Iterator[BinaryIO]:
        file = self._fs.open(self._full(key), "wb", block_size=BLOCK_BYTES, autocommit=False)
        try:
            yield cast(BinaryIO, file)
            file.close()
            file.commit()
        except BaseException:
            # Marked closed first, or its finalizer would send the rest.
            file.closed = True
            file.discard()
            raise

    def read_spans(
        self, key: str, spans: Sequence[tuple[int, int]], version: str
    ) -> Iterator[bytes]:
        state = self.state(key)
        if state is None or state.version != version:
            raise FileChanged(self.uri(key))
        for block in _blocks(spans):
            start = block[0][0]
            data = self._fs.cat_file(self._full(key), start, block[-1][0] + block[-1][1])
            for offset, length in block:
                yield data[offset - start : offset - start + length]

    def read_many(self, keys: Sequence[str]) -> Iterator[bytes]:
        # Unlike `cat`, this does not take brackets and stars in names for patterns.
        paths = [self._full(key) for key in keys]
        yield from self._fs.cat_ranges(paths, None, None, on_error="raise")

    def write_many(self, files: Mapping[str, bytes]) -> None:
        self._fs.pipe({self._full(key): data for key, data in files.items()})

    def publish(self, written: str, folder: str, names: Sequence[str]) -> None:
        """Copy the frames to their place, if they are not there, and tidy up what else is."""
        if written != folder:
            self._fs.copy(
                [self._full(f"{written}/{name}") for name in names],
                [self._full(f"{folder}/{name}") for name in names],
            )
        wanted = {self._full(f"{folder}/{name}") for name in names}
        there = {entry["name"] for entry in self._list(self._full(folder))}
        self._delete(there - wanted)

    def delete_folder(self, folder: str) -> None:
        self._delete(self._fs.find(self._full(folder)))

    def list_folders(self, parent: str) -> list[str]:
        entries = self._list(self._full(parent))
        return [
            entry["name"].rsplit("/", 1)[-1] for entry in entries if entry["type"] == "directory"
        ]

    def _full(self, key: str) -> str:
        return f"{self._prefix}/{key}"

    def _list(self, path: str) -> list[dict[str, Any]]:
        try:
            return cast("list[dict[str, Any]]", self._fs.ls(path, detail=True))
        except FileNotFoundError:
            return []

    def _delete(self, paths: Iterable[str]) -> None:
        from glob import has_magic

        doomed = list(paths)
        # `rm` takes brackets and stars in names for patterns; `rm_file` does not.
        if plain := [path for path in doomed if not has_magic(path)]:
            self._fs.rm(plain)
        for path in doomed:
            if has_magic(path):
                self._fs.rm_file(path)


def file_state(info: Mapping[str, Any]) -> FileState:
    """Return size and version from what fsspec says of a file, be it any file system's words."""
    names = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created")
    version = next((info[name] for name in names if info.get(name)), "")
    return FileState(int(info["size"]), f"{info['size']}-{version}")


def _blocks(spans: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Group spans, which are in order, so that each group lies within one block."""
    block: list[tuple[int, int]] = []
    for offset, length in spans:
        if block and offset + length - block[0][0] > BLOCK_BYTES:
            yield block
            block = []
        block.append((offset, length))
    if block:
        yield block
