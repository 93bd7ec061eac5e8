"""Read a remote file in large ranges, one request for each, with the next one already under way."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

from imagetl_assets.storage.base import BLOCK_BYTES

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_TURN_SECONDS = 0.5

T = TypeVar("T")
R = TypeVar("R")


def open_ranges(read: Callable[[int, int], bytes], size: int) -> BinaryIO:
    """Return a file of `size` bytes whose bytes start..end are what `read(start, end)` returns.

    As long as the file is read from its beginning on, the next range is already being read while
    the caller works on this one.
    """
    return cast(BinaryIO, io.BufferedReader(_Ranges(read, size), BLOCK_BYTES))


def each_ahead(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield what `work` returns for each item, in order. It works on the next one meanwhile."""
    waiting: Future[R] | None = None
    pool = ThreadPoolExecutor(1)
    try:
        for item in items:
            done, waiting = waiting, pool.submit(work, item)
            if done:
                yield _result(done)
        if waiting:
            yield _result(waiting)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _result(future: Future[R]) -> R:
    """Return the result as `Future.result` does, but wait for it in turns.

    An interrupt is noticed after each turn.
    """
    while not future.done():
        wait([future], timeout=_TURN_SECONDS)
    return future.result()


class _Ranges(io.RawIOBase):
    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self._read = read
        self._size = size
        self._at = 0
        self._read_to = 0
        self._pool: ThreadPoolExecutor | None = None
        self._ahead: tuple[int, int, Future[bytes]] | None = None  # start, end, and its bytes

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
        data = self._range(self._at, end)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        # The base class would read 8 KiB at a time.
        parts = iter(lambda: self.read(BLOCK_BYTES) or b"", b"")
        return b"".join(parts)

    def close(self) -> None:
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _range(self, start: int, end: int) -> bytes:
        ahead, self._ahead = self._ahead, None
        in_order, self._read_to = start == self._read_to, end
        data = _result(ahead[2]) if ahead and ahead[:2] == (start, end) else None
        if in_order and end < self._size:
            self._pool = self._pool or ThreadPoolExecutor(1)
            next_end = min(end + end - start, self._size)
            self._ahead = end, next_end, self._pool.submit(self._read, end, next_end)
        return self._read(start, end) if data is None else data
