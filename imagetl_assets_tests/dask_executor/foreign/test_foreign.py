"""Dagster's own tests pass with this executor, but for those whose difference is explained."""

from __future__ import annotations

import pytest

from imagetl_assets_tests.dask_executor.foreign import __main__ as command
from imagetl_assets_tests.dask_executor.foreign import libraries
from imagetl_assets_tests.dask_executor.foreign.suite import Expectations, Outcome, files_of_tests
from testbed import NotHere

GOOD, BAD = Outcome(True, 1), Outcome(False, 1, "assert 1 == 2")


@pytest.mark.foreign
@pytest.mark.timeout(2 * 3600)
def test_dagsters_own_tests_pass() -> None:
    code = command.main([])
    if code == command.SKIPPED:
        pytest.skip("dagster's source distribution is not here")
    assert code == 0


@pytest.mark.foreign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("library", ["dagster-dask", "dagster-celery"])
def test_the_own_tests_of_libraries_pass(library: str) -> None:
    try:
        done = libraries.run(library)
    except NotHere as reason:
        pytest.skip(str(reason))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("first", "again", "own", "listed", "code", "told"),
    [
        (GOOD, None, None, False, 0, "1 tests that execute runs pass"),
        (BAD, GOOD, None, False, 0, "second time only: a\n       assert 1 == 2\n1 tests that"),
        (BAD, BAD, GOOD, False, 1, "FAILED a\n       assert 1 == 2"),
        (BAD, BAD, BAD, False, 0, "0 differ unexpectedly"),
        (BAD, BAD, Outcome(True, 0), False, 0, "0 differ unexpectedly"),
        (BAD, None, None, True, 0, "1 differ as expected"),
        (GOOD, None, None, True, 0, "passes, but is in differing.txt: a"),
        (Outcome(True, 0), None, None, False, 1, "0 tests that execute runs"),
    ],
)
def test_what_differs_unexpectedly_fails(
    first: Outcome,
    again: Outcome | None,
    own: Outcome | None,
    listed: bool,
    code: int,
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected = Expectations(frozenset(), {"a": "a reason"} if listed else {})
    second = {"a": again} if again else {}
    assert command.report({"a": first}, second, {"a": own} if own else {}, expected) == code
    assert told in capsys.readouterr().out


def test_each_difference_has_a_reason_and_is_in_a_file_that_is_run() -> None:
    expected = Expectations.read()
    assert all(expected.differing.values())
    assert not expected.in_thread & expected.differing.keys()
    listed = {test.split("::")[0] for test in expected.in_thread | expected.differing.keys()}
    assert listed <= set(files_of_tests())
