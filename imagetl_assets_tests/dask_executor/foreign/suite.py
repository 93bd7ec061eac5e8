"""Runs Dagster's tests in a process of their own, and reads what came of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from imagetl_assets_tests.dask_executor.foreign.source import PACKAGE
from testbed.processes import PROJECT

PLUGIN = "imagetl_assets_tests.dask_executor.foreign.plugin"
HERE = Path(__file__).parent
TEST_SECONDS = 120


@dataclass(frozen=True)
class Outcome:
    """What came of a test.

    Attributes:
        passed: whether it has passed, and not been skipped.
        runs: how many runs it has executed.
        error: the last line of why it has failed.
    """

    passed: bool
    runs: int
    error: str = ""


@dataclass(frozen=True)
class Expectations:
    """What is expected to differ from a run with Dagster's executors.

    Attributes:
        in_thread: tests whose worker is a thread of the test's process: they look at what a step
            has changed in memory or printed, or at an order of steps that only one worker keeps.
        differing: why a test does not pass with this executor, by its name.
    """

    in_thread: frozenset[str]
    differing: dict[str, str]

    @staticmethod
    def read(folder: Path = HERE) -> Expectations:
        """Read `in_thread.txt`, and `differing.txt`: each `[reason]` with its tests below it."""
        differing: dict[str, str] = {}
        reason = ""
        for line in (folder / "differing.txt").read_text().splitlines():
            if line.startswith("["):
                reason = line.strip("[]")
            elif line:
                differing[f"{PACKAGE}/{line}"] = reason
        in_thread = (folder / "in_thread.txt").read_text().splitlines()
        return Expectations(frozenset(f"{PACKAGE}/{line}" for line in in_thread), differing)


def files_of_tests() -> list[str]:
    """Return the files whose tests are run, relative to the folder of the package."""
    return [f"{PACKAGE}/{line}" for line in (HERE / "files.txt").read_text().splitlines()]


def one_of(parts: int, tests: Iterable[str]) -> list[str]:
    """Return about so many parts of the tests, the same at each time."""
    return [test for test in tests if crc32(test.encode()) % parts == 0]


def run(
    folder: Path,
    executor: str,
    files: Sequence[str],
    tests: Iterable[str] | None = None,
    in_thread: Iterable[str] = (),
    parts: int = 1,
) -> dict[str, Outcome]:
    """Run tests with an executor; return what came of each, by name.

    Args:
        folder: which holds the package of the tests.
        executor: `own` for Dagster's, `dask` for this one.
        files: to look for tests in.
        tests: names of those to run; all if None.
        in_thread: those whose worker is to be a thread of the test's process.
        parts: run only one of so many parts.
    """
    with tempfile.TemporaryDirectory() as temporary:
        results = Path(temporary, "results")
        threads = Path(temporary, "threads")
        threads.write_text("\n".join(in_thread))
        options = [f"--executor={executor}", f"--results={results}", f"--threads={threads}"]
        options += [f"--rootdir={folder}", "--continue-on-collection-errors", "-q"]
        if tests is not None:
            chosen = Path(temporary, "tests")
            chosen.write_text("\n".join(tests))
            options.append(f"--tests={chosen}")
        options += [f"--parts={parts}", f"--timeout={TEST_SECONDS}", "--tb=no", "--no-header"]
        options += ["-p", "no:cacheprovider", "-p", PLUGIN]
        environment = {
            **os.environ,
            "PYTHONPATH": f"{folder}:{PROJECT}",
            # Some tests start `python`, and mean this one.
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
            "PYTEST_ADDOPTS": "",
            "DAGSTER_HOME": "",
        }
        log = Path(temporary, "log")
        with log.open("wb") as output:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *options, *files],
                cwd=folder,
                env=environment,
                stdout=output,
                stderr=output,
            )
        if done.returncode not in (0, 1):  # 1: some have failed
            raise RuntimeError(
                f"pytest has ended with {done.returncode}: {log.read_text()[-2000:]}"
            )
        return _outcomes(results)


def _outcomes(results: Path) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    for line in results.read_text().splitlines():
        told = json.loads(line)
        before = found.get(told["test"])
        passed = told["outcome"] == "passed" and (before is None or before.passed)
        found[told["test"]] = Outcome(passed, told["runs"], told.get("error", ""))
    return found
