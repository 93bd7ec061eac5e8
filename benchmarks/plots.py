"""The plots, as SVG that can be read on light and on dark pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.pipelines import LARGEST_MEMORY
from benchmarks.results import OURS, TIME, TIME_FOR_EACH, Measurement, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

_TEXT = "#808890"  # a grey that can be seen on both pages
_OURS = "#2f81f7"
_OTHERS = ("#d29922", "#8b7fd6", "#3fa860", "#c9646a", "#5fa8a8", "#a08060")

Plot = Callable[[Mapping[str, Measurement], Path], None]


def runs(results: Mapping[str, Measurement], path: Path) -> None:
    """Draw how long a bundle of 27 frames takes, warm and cold."""
    panels = {"real-bundle": "warm: the run alone", "cold": "cold: the whole process"}
    measured = [(results[name], title) for name, title in panels.items() if name in results]
    if not measured:
        return
    with _figure(len(measured), path, height=3.2) as axes:
        for axis, (measurement, title) in zip(axes, measured, strict=True):
            _bars(axis, measurement, title)


def frames(results: Mapping[str, Measurement], path: Path) -> None:
    """Draw time and memory over the number of frames."""
    if "many-frames" not in results:
        return
    measured = results["many-frames"]
    with _figure(2, path, height=3.6) as axes:
        _lines(axes[0], measured, TIME, "time (s)")
        _lines(axes[1], measured, LARGEST_MEMORY, "peak memory of the largest process (MB)")
        axes[0].legend(frameon=False, labelcolor=_TEXT, fontsize=9)


def growth(results: Mapping[str, Measurement], path: Path) -> None:
    """Draw how time for each and memory change as the work grows, both from its least amount on."""
    if "growth" not in results:
        return
    measured = results["growth"]
    with _figure(2, path, height=3.6) as axes:
        _growth(axes[0], measured, TIME_FOR_EACH, "time for each, relative")
        _growth(axes[1], measured, LARGEST_MEMORY, "memory of the largest process, relative")
        axes[0].legend(frameon=False, labelcolor=_TEXT, fontsize=9)


PLOTS: Mapping[str, tuple[str, Plot]] = {
    "runs": ("Time of a run, warm and cold", runs),
    "frames": ("Time and memory over the number of frames", frames),
    "growth-plot": ("Time for each and memory over the amount of work", growth),
}
"""What each plot shows, and what draws it."""


@contextmanager
def _figure(columns: int, path: Path, height: float) -> Iterator[list[Axes]]:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    style: Any = {  # matplotlib's own type lists every possible key
        "svg.fonttype": "none",
        "svg.hashsalt": "imagetl",  # so that the same figures give the same file
        "font.family": "sans-serif",
        "text.color": _TEXT,
        "axes.labelcolor": _TEXT,
        "axes.edgecolor": _TEXT,
        "axes.titlesize": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": _TEXT,
        "ytick.color": _TEXT,
    }
    with mpl.rc_context(style):
        figure, axes = pyplot.subplots(
            1, columns, figsize=(4.8 * columns, height), layout="constrained", squeeze=False
        )
        yield list(axes[0])
        figure.savefig(path, transparent=True, metadata={"Date": None})
        pyplot.close(figure)


def _bars(axis: Axes, measured: Measurement, title: str) -> None:
    """Draw a bar for each contender: ours first, then the others from fast to slow."""
    found = [series for series in measured.series if series.figure == TIME]
    found.sort(key=lambda series: (series.contender != OURS, series.median))
    names = [series.contender for series in found]
    colours = [_OURS if name == OURS else _OTHERS[0] for name in names]
    bars = axis.barh(names, [series.median for series in found], color=colours, height=0.6)
    axis.bar_label(bars, [f"{series.median:.3g} s" for series in found], padding=4, color=_TEXT)
    axis.invert_yaxis()
    axis.set_xscale("log")
    _plain_numbers(axis.xaxis)
    axis.margins(x=0.25)
    axis.set_title(f"{found[0].work}, {title}")
    axis.set_xlabel("seconds (median, logarithmic)")


def _lines(axis: Axes, measured: Measurement, figure: str, label: str) -> None:
    names = list(dict.fromkeys(series.contender for series in measured.series))
    others = iter(_OTHERS)
    for name in names:
        points = [
            (_count(series), series.median)
            for series in measured.series
            if (series.contender, series.figure) == (name, figure)
        ]
        colour = _OURS if name == OURS else next(others)
        axis.plot(*zip(*sorted(points), strict=True), "o-", color=colour, label=name)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks(_counts(measured))
    _plain_numbers(axis.xaxis)
    _plain_numbers(axis.yaxis)
    axis.grid(color=_TEXT, alpha=0.25)
    axis.set_xlabel("frames")
    axis.set_title(label)


def _growth(axis: Axes, measured: Measurement, figure: str, label: str) -> None:
    """Draw a line for each kind of work, relative to its least amount."""
    kinds: dict[str, list[Series]] = defaultdict(list)
    for series in measured.series:
        if series.figure == figure:
            kinds[series.work.split(maxsplit=1)[1]].append(series)
    for (kind, found), colour in zip(kinds.items(), (_OURS, *_OTHERS), strict=False):
        found.sort(key=_count)
        amounts = [_count(series) / _count(found[0]) for series in found]
        figures = [series.median / found[0].median for series in found]
        label_of_kind = f"{kind}, from {_count(found[0]):,} on"
        axis.plot(amounts, figures, "o-", color=colour, label=label_of_kind)
    axis.set_xscale("log")
    _plain_numbers(axis.xaxis)
    axis.set_ylim(bottom=0)
    axis.grid(color=_TEXT, alpha=0.25)
    axis.set_xlabel("times as much work")
    axis.set_title(label)


def _counts(measured: Measurement) -> list[int]:
    return sorted({_count(series) for series in measured.series})


def _count(series: Series) -> int:
    """Return the number in the name of the work: 1000 for "1,000 frames"."""
    return int(series.work.split()[0].replace(",", ""))


def _plain_numbers(axis: Axis) -> None:
    """Label a logarithmic axis with plain numbers, at its major ticks only."""
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axis.set_minor_formatter(NullFormatter())
