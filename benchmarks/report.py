"""Makes Markdown tables of the results and puts them into the pages."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.plots import PLOTS
from benchmarks.results import OURS, Measurement, Series, ratio
from benchmarks.targets import outcomes

HEADLINES = "headlines"
PAGES = ("README.md", "docs/benchmarks.md")


def publish(results: Mapping[str, Measurement], project: Path) -> None:
    """Write the plots, and fill in the tables of the pages in a project folder."""
    images = _draw(results, project / "docs" / "images")
    texts = {name: comparison(one) for name, one in results.items()}
    for name in PAGES:
        # What was aimed at is for those who work on it.
        texts[HEADLINES] = headlines(results, targets=name != "README.md")
        page = project / name
        for plot, image in images.items():
            texts[plot] = f"![{PLOTS[plot][0]}]({os.path.relpath(image, page.parent)})"
        page.write_text(fill(page.read_text(), texts))


def _draw(results: Mapping[str, Measurement], folder: Path) -> dict[str, Path]:
    """Draw the plots for which there are figures; return the path of each."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {name: folder / f"benchmarks-{name}.svg" for name in PLOTS}
    for name, (_, plot) in PLOTS.items():
        plot(results, images[name])
    return {name: image for name, image in images.items() if image.exists()}


def fill(page: str, texts: Mapping[str, str]) -> str:
    """Return a page with new text between `<!-- benchmark NAME -->` and `<!-- end -->`."""

    def new(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        return f"{begin}\n{texts[name]}\n{end}" if name in texts else match[0]

    return re.sub(r"(<!-- benchmark ([\w-]+) -->)\n.*?(<!-- end -->)", new, page, flags=re.S)


def headlines(results: Mapping[str, Measurement], *, targets: bool = True) -> str:
    """Return the table of the figures that matter most, with what they were to be."""
    rows = []
    for outcome in outcomes(results):
        target = outcome.headline.at_most
        rows.append(
            [
                outcome.headline.what,
                shown(outcome.ours),
                f"{outcome.headline.peer} {shown(outcome.theirs)}",
                f"{outcome.ratio:.2g}",
                f"{target:g}: {outcome.verdict}" if target is not None else "",
            ]
        )
    head = ["what", OURS, "compared with", "ratio", "at most"]
    if targets:
        return _table(head, rows)
    return _table(head[:-1], (row[:-1] for row in rows))


def comparison(measured: Measurement) -> str:
    """Return the tables of a comparison, with machine, date, versions and skipped contenders."""
    parts = [_figures(measured, figure) for figure in _unique(s.figure for s in measured.series)]
    skipped = [f"- {name} was skipped: {reason}" for name, reason in measured.skipped.items()]
    if skipped:
        parts.append("\n".join(skipped))
    parts.append(_where(measured))
    return "\n\n".join(parts)


def shown(series: Series) -> str:
    """Return the median with its unit, to three digits."""
    value, unit = series.median, series.unit
    if unit == "s" and value < 0.1:
        value, unit = value * 1000, "ms"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def _figures(measured: Measurement, figure: str) -> str:
    rows = []
    all_series = [series for series in measured.series if series.figure == figure]
    for work in _unique(series.work for series in all_series):
        ours = measured.find(work, OURS, figure)
        for series in all_series:
            if series.work == work:
                compared = "" if ours in (None, series) else f"{ratio(ours, series):.2g}"
                rows.append([work, series.contender, shown(series), _spread(series), compared])
    return _table([figure, "who", "median", "from - to", f"{OURS} / it"], rows)


def _spread(series: Series) -> str:
    low, high = (Series("", "", series.unit, "", [f(series.values)]) for f in (min, max))
    return f"{shown(low)} - {shown(high)}, n={len(series.values)}"


def _where(measured: Measurement) -> str:
    machine = measured.machine
    load = f"{machine['load_before']} before and {machine['load_after']} after"
    lines = [
        f"Measured {measured.date} on {machine['cores']} cores ({machine['processor']}), "
        f"{machine['memory_gb']} GB, {machine['system']}; load average {load}.",
        *measured.notes,
        *(f"{name}: {_versions(versions)}." for name, versions in measured.versions.items()),
    ]
    return "\n".join(lines)


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{package} {version}" for package, version in versions.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
