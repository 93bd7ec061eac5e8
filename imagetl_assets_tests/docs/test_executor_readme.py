"""The tables of the executor's README name tests that are there."""

from __future__ import annotations

import re

from testbed.processes import PROJECT

README = PROJECT / "imagetl_assets" / "dask_executor" / "README.md"
TESTS = PROJECT / "imagetl_assets_tests" / "dask_executor"


def rows(first_cell: str) -> list[list[str]]:
    """The rows of the table whose first cell is this one, without its head."""
    lines = README.read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {first_cell} |"))
    end = next(n for n in range(start, len(lines)) if not lines[n].startswith("|"))
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines[start + 2 : end]
    ]


def test_each_feature_and_each_request_names_tests_that_are_there() -> None:
    for row in [*rows("feature"), *rows("issue")]:
        named = re.findall(r"`([\w./]+\.py)::(test_\w+)`", row[-1])
        assert named, row[0]
        assert len(named) == row[-1].count(".py"), row[-1]
        for file, test in named:
            assert f"\ndef {test}(" in (TESTS / file).read_text(), test
