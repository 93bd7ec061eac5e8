"""From figures to tables and plots."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import machine
from benchmarks.comparisons import COMPARISONS
from benchmarks.pipelines import FUTURES, LARGEST_MEMORY, ORIGINAL, PREFECT3
from benchmarks.report import HEADLINES, PAGES, comparison, fill, headlines, publish, shown
from benchmarks.results import OURS, Measurement, Series, load, ratio, save
from testbed.processes import PROJECT

Results = dict[str, Measurement]


def measurement(name: str, times: Mapping[str, Sequence[float]]) -> Measurement:
    measured = Measurement(name, "2026-01-02", {**machine.describe(), "load_after": 0.5})
    for contender, values in times.items():
        for value in values:
            measured.add("27 frames", contender, value)
    return measured


@pytest.fixture
def results() -> Results:
    """Three comparisons: a target is met, one is missed, a peer was skipped."""
    warm = measurement("real-bundle", {OURS: [0.3, 0.4, 0.5], ORIGINAL.name: [2, 2, 2]})
    warm.add("27 frames", FUTURES.name, 0.05)
    warm.skipped[PREFECT3.name] = "it needs Python 9.9"
    warm.versions[OURS] = {"dagster": "1.2.3"}
    cold = measurement("cold", {OURS: [6], ORIGINAL.name: [4]})
    many = measurement("many-frames", {})
    for frames, mine, its in (("270 frames", 1, 8), ("1,000 frames", 2, 60)):
        for contender, value in ((OURS, mine), (ORIGINAL.name, its)):
            many.add(frames, contender, value)
            many.add(frames, contender, 100 * value, LARGEST_MEMORY, "MB")
    return {one.comparison: one for one in (warm, cold, many)}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The pages of the project, in a folder of their own."""
    for page in PAGES:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / page, tmp_path / page)
    return tmp_path


def test_results_are_kept_as_they_are(results: Results, tmp_path: Path) -> None:
    file = tmp_path / "new" / "results.json"
    assert load(file) == {}
    save(file, results)
    assert load(file) == results
    cold = measurement("cold", {OURS: [5]})
    save(file, {**load(file), "cold": cold})
    assert load(file) == {**results, "cold": cold}


def test_a_ratio_is_that_of_the_rounds() -> None:
    ours = Series("work", "time", "s", OURS, [1, 9, 4])
    assert ratio(ours, Series("work", "time", "s", "peer", [2, 9, 4])) == 1
    assert ratio(ours, Series("work", "time", "s", "slow peer", [4])) == 0.25


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0042, "s", "4.20 ms"),
        (0.5, "s", "0.50 s"),
        (95.24, "s", "95.2 s"),
        (1052, "MB", "1,052 MB"),
    ],
)
def test_figures_have_three_digits(value: float, unit: str, text: str) -> None:
    assert shown(Series("work", "figure", unit, OURS, [value])) == text


def test_targets_are_met_or_missed_by_the_figures(results: Results) -> None:
    table = headlines(results)
    assert "| 27 frames, warm | 0.40 s | original flow 2.00 s | 0.2 | 0.3: met |" in table
    assert "| plain Dask futures 50.0 ms | 6 | 2.5: missed |" in table
    assert "| 0.033 | 0.03: missed |" in table
    assert "original flow 6,000 MB | 0.033 | 0.35: met |" in table
    assert "| original flow 4.00 s | 1.5 | 0.35: missed |" in table
    results["cold"] = measurement("cold", {OURS: [1.4], ORIGINAL.name: [4]})
    assert "| original flow 4.00 s | 0.35 | 0.35: met |" in headlines(results)


def test_a_comparison_says_where_and_who_was_skipped(results: Results) -> None:
    text = comparison(results["real-bundle"])
    assert "| 27 frames | original flow | 2.00 s | 2.00 s - 2.00 s, n=3 | 0.2 |" in text
    assert "- Prefect 3 was skipped: it needs Python 9.9" in text
    assert "Measured 2026-01-02" in text
    assert "imagetl: dagster 1.2.3" in text


def test_pages_show_the_figures(results: Results, project: Path) -> None:
    publish(results, project)
    for page in PAGES:
        targets = page != "README.md"
        assert headlines(results, targets=targets) in (project / page).read_text()
    assert "](docs/images/benchmarks-frames.svg)" in (project / "README.md").read_text()
    docs = (project / "docs/benchmarks.md").read_text()
    for one in results.values():
        assert comparison(one) in docs
    assert "](images/benchmarks-frames.svg)" in docs
    publish(results, project)
    assert (project / "docs/benchmarks.md").read_text() == docs


def test_plots_name_the_contenders(results: Results, project: Path) -> None:
    publish(results, project)
    for name in ("benchmarks-runs", "benchmarks-frames"):
        plot = ElementTree.parse(project / "docs/images" / f"{name}.svg")
        text = " ".join(plot.getroot().itertext())
        assert OURS in text
        assert ORIGINAL.name in text


def test_text_outside_of_the_marks_stays() -> None:
    page = "a\n<!-- benchmark cold -->\n1\n<!-- end -->\nb\n<!-- benchmark x -->\n2\n<!-- end -->"
    assert fill(page, {"cold": "new"}) == page.replace("1", "new")


def test_every_comparison_has_its_place_on_the_page() -> None:
    docs = (PROJECT / "docs/benchmarks.md").read_text()
    for name in (HEADLINES, *COMPARISONS):
        assert f"<!-- benchmark {name} -->" in docs
