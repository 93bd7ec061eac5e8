"""A file that is read in large ranges, each by a request of its own."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, cast

from imagetl_assets.storage.base import BLOCK_BYTES

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def open_ranges(read: Callable[[int, int], bytes], size: int) -> BinaryIO:
    """Return a file of `size` bytes whose bytes start..end are what `read` gives."""
    return cast(BinaryIO, io.BufferedReader(_Ranges(read, size), BLOCK_BYTES))


class _Ranges(io.RawIOBase):
    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self._read = read
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        end = min(self._at + len(view), self._size)
        if end <= self._at:
            return 0
        data = self._read(self._at, end)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        # That of the base class reads by 8 KiB.
        parts = iter(lambda: self.read(BLOCK_BYTES) or b"", b"")
        return b"".join(parts)
