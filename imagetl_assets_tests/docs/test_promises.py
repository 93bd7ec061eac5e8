"""Each promise of the documentation names, in a comment, the tests that hold it."""

from __future__ import annotations

import re

import pytest

from testbed.processes import PROJECT

PAGES = ("sensor.md", "storage.md")


def promises(page: str) -> list[str]:
    """Return the bullets of a page, each with the comment that it ends with."""
    text = (PROJECT / "docs" / page).read_text()
    return re.findall(r"^- (.*?)(?=\n- |\n\n|\Z)", text, re.M | re.S)


def names_of_tests() -> set[str]:
    files = (PROJECT / "imagetl_assets_tests").rglob("test_*.py")
    return {
        name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)
    }


@pytest.mark.parametrize("page", PAGES)
def test_each_promise_names_a_test(page: str) -> None:
    found = promises(page)
    assert len(found) > 10
    for promise in found:
        assert re.search(r"<!-- test_.*-->", promise, re.S), promise


@pytest.mark.parametrize("page", PAGES)
def test_the_named_tests_are_there(page: str) -> None:
    text = (PROJECT / "docs" / page).read_text()
    named = {n for c in re.findall(r"<!--(.*?)-->", text, re.S) for n in re.findall(r"test_\w+", c)}
    assert named - names_of_tests() == set()
