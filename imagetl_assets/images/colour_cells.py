"""A histogram of the colours of a picture, by small cells of the RGB cube.

The cells are in the order of a Morton curve, on which neighbours are near each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, reduce
from typing import Any, NamedTuple

_BITS = 6  # of each channel, that tell cells apart
_FEW_CELLS, _MORE_BITS = 1024, 7  # for a picture that has fewer cells than that
_MANY_CELLS, _LESS_BITS = 20_000, 5  # for one that has more: its colours are far apart anyway


class Cells(NamedTuple):
    """Cells of the RGB cube that have pixels.

    Attributes:
        numbers: of the cells, from the first bits of their channels.
        places: on the curve, ascending.
        centres: (n, 4): red, green, blue, 1.
        counts: of pixels.
    """

    numbers: Any
    places: Any
    centres: Any
    counts: Any


def counted(bands: Callable[[], Iterator[Any]]) -> tuple[Cells, int]:
    """Return the cells of a picture, and the bits of each channel that tell them apart."""
    import numpy as np

    bits = _BITS
    counts, numbers = _counts(bands, bits)
    if not _FEW_CELLS <= numbers.size <= _MANY_CELLS:
        bits = _MORE_BITS if numbers.size < _FEW_CELLS else _LESS_BITS
        counts, numbers = _counts(bands, bits)
    # Sorted with their places in the high bits, which is faster than sorting by the places.
    places = np.sort(_curve(bits)[numbers] << 32 | numbers)
    numbers = places & 0xFFFFFFFF
    counts = counts[numbers].astype(np.float32)
    return Cells(numbers, places >> 32, _centres(numbers, bits), counts), bits


def _counts(bands: Callable[[], Iterator[Any]], bits: int) -> tuple[Any, Any]:
    """Return how many pixels each cell has, and the numbers of the cells that have any."""
    import numpy as np

    size = 1 << 3 * bits
    each = (np.bincount(cell_numbers(band, bits), minlength=size + 1) for band in bands())
    counts = reduce(np.add, each)
    return counts, np.flatnonzero(counts[:size] > 0)


@lru_cache
def _curve(bits: int) -> Any:
    """Return the place on the curve of each cell, by its number."""
    import numpy as np

    numbers = np.arange(1 << 3 * bits, dtype=np.int64)
    places = np.zeros_like(numbers)
    for channel, shift in enumerate((1, 2, 0)):  # green is seen best
        for bit in range(bits):
            places |= (numbers >> (channel * bits + bit) & 1) << (3 * bit + shift)
    return places


def cell_numbers(band: Any, bits: int) -> Any:
    """Return the number of the cell of each pixel; one more than all if it is transparent."""
    import numpy as np

    pixels = band.view("<u4").reshape(-1)
    rest = 8 - bits
    mask = (1 << bits) - 1
    numbers = pixels >> rest & mask
    for channel in (1, 2):
        numbers |= pixels >> (8 * channel + rest - channel * bits) & (mask << channel * bits)
    transparent = pixels < 1 << 24
    if transparent.any():
        numbers[transparent] = np.uint32(1 << 3 * bits)
    return numbers


def _centres(numbers: Any, bits: int) -> Any:
    import numpy as np

    centres = np.ones((numbers.size, 4), np.float32)
    middle = ((1 << (8 - bits)) - 1) / 2
    for channel in range(3):
        value = numbers >> channel * bits & (1 << bits) - 1
        centres[:, channel] = (value << (8 - bits)) + middle
    return centres


def coarse(cells: Cells, bits: int) -> Cells:
    """Return cells of twice the side, with the means of their pixels for centres."""
    import numpy as np

    larger = cells.places >> 3 * (bits - _BITS + 1)
    starts = np.flatnonzero(np.diff(larger, prepend=-1))
    counts = np.add.reduceat(cells.counts, starts)
    sums = np.add.reduceat(cells.centres * cells.counts[:, None], starts)
    return Cells(cells.numbers[starts], larger[starts], sums / counts[:, None], counts)
