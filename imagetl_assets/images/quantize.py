"""Reduce a picture to a palette: which colours it gets, and which of them each pixel becomes.

Strategy: all pixels are counted in a histogram of small cells of the RGB cube, so nothing that is
seen can be missed, and a large picture takes little longer than its pixels need to be counted.

1. The cells are numbered along a Morton curve, on which neighbours are near each other. Cut into
   pieces of equal weight, the curve gives the first palette. The weight of a cell is a power of its
   number of pixels: with 3/5, the mean squared error is least (Zador, "Asymptotic quantization
   error of continuous signals and the quantization dimension", 1982).
2. k-means improves the palette, with larger cells, as these are fewer. A colour that no cell takes
   moves to where the error is largest.
3. Each cell has two colours that are nearest to it, and each of its pixels takes one of these. Then
   each colour becomes the mean of its pixels.

A colour that few pixels have, such as that of a small mark, hardly counts for the squared error,
but is seen. So it gets a place in the palette if nothing in there is like it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from imagetl_assets.images import colour_cells
from imagetl_assets.images.colour_cells import Cells

_DENSITY = 0.6  # power of the number of pixels
_ROUNDS = 3  # of k-means
_CHUNK = 256  # cells whose distances are computed at once: they fit into the processor's cache
_MARK = 32  # pixels of a colour that people see, wherever they are
_ALIKE = 40  # distance of two colours in RGB that look alike
_MOST_MARKS = 16  # colours
_NOWHERE = 1e6  # a channel of a colour that is not in use


class Reduced(NamedTuple):
    """A picture with a palette.

    Attributes:
        indices: of all pixels, row after row, in parts.
        palette: of colours (n, 3), as bytes.
    """

    indices: list[Any]
    palette: Any


def reduced(bands: Callable[[], Iterator[Any]], colours: int) -> Reduced:
    """Return a picture in at most so many colours.

    Args:
        bands: yields all pixels of the picture, each time it is called, in parts of (n, 4) bytes:
            red, green, blue, and 255, or all 0 where the pixel is transparent. Such pixels get the
            index `colours`.
        colours: at most 255.
    """
    import numpy as np

    cells, bits = colour_cells.counted(bands)
    palette = _improved(_first(cells, colours), colour_cells.coarse(cells, bits))
    distances = _nearest(cells.centres, palette)
    if _add_marks(palette, cells, distances):
        distances = _nearest(cells.centres, palette)
    choice = _Choice.between(palette, cells, distances, bits)
    indices = []
    sums = np.zeros((colours + 1, 4))
    for band in bands():
        index = choice.indices(band)
        indices.append(index)
        sums[:, 3] += np.bincount(index, minlength=colours + 1)
        for channel in range(3):
            sums[:, channel] += np.bincount(index, band[:, channel], colours + 1)
    used = sums[:colours, 3] > 0
    palette[used] = sums[:colours][used, :3] / sums[:colours][used, 3:]
    palette[~used] = 0
    return Reduced(indices, np.rint(palette).astype(np.uint8))


class _Distances(NamedTuple):
    """What is known of the way from points to a palette.

    Attributes:
        nearest: the index of the colour that is nearest to each point.
        second: the index of the one after that, if it was asked for.
        squares: of the distances to the nearest.
    """

    nearest: Any
    second: Any
    squares: Any


def _first(cells: Cells, colours: int) -> Any:
    """Return the colours (n, 3) of pieces of the curve that weigh the same."""
    import numpy as np

    weights = cells.counts**_DENSITY
    middles = np.cumsum(weights) - weights / 2
    pieces = (middles * (colours / max(1, weights.sum()))).astype(np.intp).clip(0, colours - 1)
    return _means(pieces, weights, cells.centres, np.full((colours, 3), _NOWHERE, np.float32))


def _improved(palette: Any, cells: Cells) -> Any:
    """Return the palette after some rounds of k-means."""
    import numpy as np

    for _ in range(_ROUNDS):
        nearest, _, squares = _nearest(cells.centres, palette, also_second=False)
        palette = _means(nearest, cells.counts, cells.centres, palette)
        unused = np.flatnonzero(np.bincount(nearest, minlength=len(palette)) == 0)
        if unused.size:
            worst = np.argsort(-squares * cells.counts, kind="stable")[: unused.size]
            palette[unused[: worst.size]] = cells.centres[worst, :3]
    return palette


def _means(groups: Any, weights: Any, points: Any, otherwise: Any) -> Any:
    """Return the mean (n, 3) of the points in each group, or the colour given for an empty one."""
    import numpy as np

    total = np.bincount(groups, weights, len(otherwise))
    means = otherwise.copy()
    full = total > 0
    for channel in range(3):
        sums = np.bincount(groups, weights * points[:, channel], len(otherwise))
        means[full, channel] = sums[full] / total[full]
    return means


def _nearest(points: Any, palette: Any, *, also_second: bool = True) -> _Distances:
    """Return which colours are nearest to each point."""
    import numpy as np

    factors = np.vstack([-2 * palette.T, (palette**2).sum(1)]).astype(np.float32)
    nearest, second = np.empty((2, len(points)), np.intp)
    squares = np.empty(len(points), np.float32)
    distances = np.empty((_CHUNK, len(palette)), np.float32)
    flat = distances.reshape(-1)
    row_starts = np.arange(_CHUNK) * len(palette)
    for start in range(0, len(points), _CHUNK):
        here = slice(start, start + _CHUNK)
        part = points[here]
        found = np.matmul(part, factors, out=distances[: len(part)])
        best = found.argmin(1, out=nearest[here])
        places = row_starts[: len(part)] + best
        flat.take(places, out=squares[here], mode="clip")
        if also_second:
            flat[places] = np.inf
            found.argmin(1, out=second[here])
    squares += (points[:, :3] ** 2).sum(1)
    return _Distances(nearest, second, squares)


class _Choice(NamedTuple):
    """Chooses the colour of each pixel: one of the two that are nearest to its cell.

    Attributes:
        bits: that tell cells apart.
        rows: which row of the others a cell has, by its number; the last is of what is transparent.
        first: the index of a colour.
        second: the index of another.
        planes: (n, 4): what has to be multiplied with red, green, blue and 255 of a pixel; if the
            sum is above 0, the second colour is nearer.
    """

    bits: int
    rows: Any
    first: Any
    second: Any
    planes: Any

    @classmethod
    def between(cls, palette: Any, cells: Cells, distances: _Distances, bits: int) -> _Choice:
        """Prepare the choice for the cells of a picture."""
        import numpy as np

        rows = np.zeros((1 << 3 * bits) + 1, np.int32)
        rows[cells.numbers] = np.arange(cells.numbers.size)
        rows[-1] = cells.numbers.size
        first, second = (
            np.append(found, len(palette)).astype(np.uint8)
            for found in (distances.nearest, distances.second)
        )
        near, far = palette[distances.nearest], palette[distances.second]
        planes = np.zeros((cells.numbers.size + 1, 4), np.float32)
        planes[:-1, :3] = far - near
        planes[:-1, 3] = ((near**2).sum(1) - (far**2).sum(1)) / (2 * 255)
        return cls(bits, rows, first, second, planes)

    def indices(self, band: Any) -> Any:
        """Return the index of the colour of each pixel."""
        import numpy as np

        rows = self.rows.take(colour_cells.cell_numbers(band, self.bits))
        sides = np.einsum("ij,ij->i", self.planes.take(rows, axis=0), band.astype(np.float32))
        return np.where(sides > 0, self.second.take(rows), self.first.take(rows))


def _add_marks(palette: Any, cells: Cells, distances: _Distances) -> bool:
    """Put colours that are seen, and that nothing is like, in the place of those that matter least.

    Returns:
        Whether there are any.
    """
    import numpy as np

    far = np.flatnonzero(distances.squares > _ALIKE**2)
    if not far.size:
        return False
    points, counts = cells.centres[far], cells.counts[far]
    _, shades = np.unique(points[:, :3].astype(np.int64) >> 4, axis=0, return_inverse=True)
    shades = shades.reshape(-1)
    total = np.bincount(shades, counts)
    colours = _means(shades, counts, points, np.zeros((total.size, 3), np.float32))
    seen = colours[total >= _MARK]
    least_used = np.argsort(
        np.bincount(distances.nearest, cells.counts, len(palette)), kind="stable"
    )
    apart = ((seen[:, None] - palette) ** 2).sum(2).min(1)
    added, most = 0, min(_MOST_MARKS, len(palette))
    for colour in seen[np.argsort(-apart, kind="stable")]:
        if added < most and ((palette - colour) ** 2).sum(1).min() > _ALIKE**2:
            palette[least_used[added]] = colour
            added += 1
    return added > 0
