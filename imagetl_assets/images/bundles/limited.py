"""A file for the parsers of the standard library, which believe any length that a file claims."""

from __future__ import annotations

from typing import BinaryIO, cast


class LimitedReads:
    """A file from which at most so many bytes are read at once."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file = file
        self._most = most
        self.seek = file.seek
        self.tell = file.tell
        self.seekable = file.seekable

    def read(self, size: int = -1) -> bytes:
        """Read as any file does. Raises ValueError if that would be more than allowed."""
        data = self._file.read(size if 0 <= size <= self._most else self._most + 1)
        if len(data) > self._most:
            raise ValueError(f"it is said to have more than {self._most:,} bytes")
        return data


def limited_reads(file: BinaryIO, most: int) -> BinaryIO:
    """Return the file, limited to `most` bytes a read, as a type that libraries accept."""
    return cast(BinaryIO, LimitedReads(file, most))
