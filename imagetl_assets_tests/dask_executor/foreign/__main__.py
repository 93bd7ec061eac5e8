"""Compares this executor with Dagster's, test by test, by Dagster's own tests.

All tests are run with this executor. Those that fail are run once more, without the others: some
have time limits of their own, which they miss on a machine that is busy. Those that fail again are
run with Dagster's executors, too.

    python -m imagetl_assets_tests.dask_executor.foreign [--parts 10] [FILE ...]

With `--parts 10`, a tenth of the tests is run. The exit code is 1 if a test does not pass that
passes with Dagster's executors and is not in `differing.txt`, and 77 if the tests cannot be had.
"""

from __future__ import annotations

import argparse
import sys

from imagetl_assets_tests.dask_executor.foreign import source, suite
from testbed import NotHere

SKIPPED = 77


def main(arguments: list[str] | None = None) -> int:
    """Run the tests, and print how the results compare."""
    parser = argparse.ArgumentParser(prog=__package__)
    parser.add_argument("--parts", type=int, default=1, help="run one of so many parts")
    parser.add_argument(
        "files", nargs="*", help="such as dagster_tests/logging_tests/test_stdout.py"
    )
    options = parser.parse_args(arguments)
    try:
        folder = source.dagster_tests()
    except NotHere as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    expected = suite.Expectations.read()
    files = options.files or suite.files_of_tests()
    dask = suite.run(folder, "dask", files, in_thread=expected.in_thread, parts=options.parts)
    failed = [test for test, outcome in dask.items() if not outcome.passed]
    unlisted = [test for test in failed if test not in expected.differing]
    again = suite.run(folder, "dask", files, unlisted, expected.in_thread) if unlisted else {}
    unlisted = [test for test in unlisted if not again[test].passed]
    own = suite.run(folder, "own", files, unlisted) if unlisted else {}
    return report(dask, again, own, expected)


def report(
    first: dict[str, suite.Outcome],
    again: dict[str, suite.Outcome],
    own: dict[str, suite.Outcome],
    expected: suite.Expectations,
) -> int:
    """Print what differs, and return the exit code.

    Args:
        first: what came of the tests with this executor.
        again: what came of those that have failed and are not listed, at a second time.
        own: what came of those that have failed again, with Dagster's executors.
        expected: which are listed.
    """
    dask = {**first, **again}
    executed = {test for test, outcome in dask.items() if outcome.runs}
    passed = {test for test in executed if dask[test].passed}
    unexpected = [test for test, outcome in own.items() if outcome.passed and outcome.runs]
    listed = expected.differing.keys() & dask.keys()
    for test in unexpected:
        print(f"FAILED {test}\n       {dask[test].error}")
    for test in sorted(test for test, outcome in again.items() if outcome.passed):
        print(f"passes at the second time only: {test}\n       {first[test].error}")
    for test in sorted(listed):
        if dask[test].passed:
            print(f"passes, but is in differing.txt: {test}")
    print(
        f"{len(passed)} tests that execute runs pass with this executor, "
        f"{len(passed & expected.in_thread)} of them with a worker in the test's process. "
        f"{sum(not dask[test].passed for test in listed)} differ as expected, "
        f"{len(unexpected)} differ unexpectedly."
    )
    return 1 if unexpected or not executed else 0


if __name__ == "__main__":
    sys.exit(main())
