"""A sliding view of a seekable file: what the parsers read from.

Strategy: one block of the file is held as `bytes`, because Python indexes and searches nothing
faster. Positions are those in the file. When a parser asks for one outside of the block, the block
is moved there. So a file of any size, local or remote, is read forwards in large ranges and in
constant memory, and a parser can be written as if all of the file were in memory.
"""

from __future__ import annotations

import io
import os
import re
from typing import BinaryIO

from imagetl_assets.images.errors import ImageError

BLOCK_SIZE = 1024 * 1024

_NEWLINES = re.compile(rb"\n*")
_ZEROS = re.compile(rb"\0*")
_WHITESPACE = re.compile(rb"[\n\r\t ]*")


class Window:
    """The bytes of `file` by absolute position, at most one and a half blocks of them at a time.

    The file may be read and moved by others, too: before each read, it is moved where it has to be.
    """

    def __init__(self, file: BinaryIO, block_size: int = BLOCK_SIZE) -> None:
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        self.start = 0
        self.data = b""
        self._block_size = max(block_size, 64)

    @classmethod
    def over(cls, data: bytes | memoryview) -> Window:
        """Return a window that holds all of `data`."""
        return cls(io.BytesIO(data), len(data))

    def until(self, end: int) -> Window:
        """Return a window over the same file, as if it ended at `end`."""
        window = Window(self.file, self._block_size)
        window.size = min(end, self.size)
        return window

    def settle(self, pos: int) -> None:
        """Move the block, if needed, so that it holds at least half a block from `pos` on.

        An image that is smaller than that is then read from the file only once.
        """
        held = self.start + len(self.data)
        if held < self.size and held - pos < self._block_size // 2:
            self._load(pos)

    def index(self, pos: int, need: int = 1) -> int:
        """Return the index in `data` of position `pos`, with `need` (small) bytes from there on.

        Raises:
            ImageError: the file ends before.
        """
        i = pos - self.start
        if i < 0 or i + need > len(self.data):
            if pos + need > self.size:
                raise ImageError("the data ends in the middle of the image", self.size)
            self._load(pos, need)
            i = 0
        return i

    def byte(self, pos: int) -> int:
        """Return the byte at `pos`. Raises ImageError at the end of the file."""
        i = self.index(pos)
        return self.data[i]

    def read(self, pos: int, length: int) -> bytes:
        """Return `length` (small) bytes from `pos` on. Raises ImageError where the file ends."""
        i = self.index(pos, length)
        return self.data[i : i + length]

    def peek(self, pos: int, length: int) -> bytes:
        """Return up to `length` (small) bytes from `pos` on."""
        return self.read(pos, min(length, self.size - pos)) if pos < self.size else b""

    def find(self, needle: bytes, pos: int, end: int) -> int:
        """Return where `needle` first lies within `pos`..`end`, or -1."""
        while pos + len(needle) <= end:
            i = self.index(pos, len(needle))
            if (i := self.data.find(needle, i, end - self.start)) >= 0:
                return self.start + i
            pos = self.start + len(self.data) - len(needle) + 1
        return -1

    def search(self, pattern: re.Pattern[bytes], width: int, pos: int, end: int) -> int:
        """Return where `pattern`, which is at most `width` bytes wide, first matches, or -1.

        The match begins within `pos`..`end`.
        """
        while pos < end:
            i = self.index(pos, min(width, self.size - pos))
            held = self.start + len(self.data)
            # Near the end of the block, a pattern may match less than it would with what follows.
            after = len(self.data) - (width - 1 if held < self.size else 0)
            match = pattern.search(self.data, i, max(i, end + width - self.start))
            if match and match.start() < after:
                found = self.start + match.start()
                return found if found < end else -1
            pos = self.start + after
        return -1

    def skip_newlines(self, pos: int) -> int:
        """Return the first position from `pos` on that holds no newline."""
        return self._skip(_NEWLINES, pos)

    def skip_zeros(self, pos: int) -> int:
        """Return the first position from `pos` on that holds no zero byte."""
        return self._skip(_ZEROS, pos)

    def skip_whitespace(self, pos: int) -> int:
        """Return the first position from `pos` on that holds no line end, tab or space."""
        return self._skip(_WHITESPACE, pos)

    def _skip(self, pattern: re.Pattern[bytes], pos: int) -> int:
        while pos < self.size:
            i = self.index(pos)
            match = pattern.match(self.data, i)
            assert match is not None
            pos = self.start + match.end()
            if match.end() < len(self.data):
                break
        return pos

    def _load(self, pos: int, need: int = 0) -> None:
        """Move the block to `pos`. What it holds already is not read again."""
        i = pos - self.start
        parts = [self.data[i:]] if 0 <= i < len(self.data) else []
        at = pos + sum(map(len, parts))
        self.file.seek(at)
        missing = min(max(self._block_size, need), self.size - at)
        while missing > 0:
            part = self.file.read(missing)
            if not part:
                raise OSError("the file became shorter while it was read")
            parts.append(part)
            missing -= len(part)
        self.start, self.data = pos, b"".join(parts)
