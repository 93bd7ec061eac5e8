"""Parts of a remote file that are read at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imagetl_assets.storage.base import BLOCK_BYTES


@dataclass(frozen=True)
class Held:
    """A part of a file that was read and is kept."""

    key: str
    version: str
    start: int
    data: bytes

    def covers(self, key: str, version: str, start: int, end: int) -> bool:
        """Tell whether a range of this version of a file is in the part."""
        return (
            (self.key, self.version) == (key, version)
            and self.start <= start
            and end <= self.start + len(self.data)
        )


def blocks_of(spans: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Group spans so that each group is in order and lies within one block."""
    block: list[tuple[int, int]] = []
    for offset, length in spans:
        within = block and block[-1][0] <= offset and offset + length - block[0][0] <= BLOCK_BYTES
        if block and not within:
            yield block
            block = []
        block.append((offset, length))
    if block:
        yield block
