"""The tests of execution of dagster-dask and dagster-celery, with this project's executor.

They import the executor by name, here and on the workers. So packages of the same names stand
before the libraries in the path (`stand_ins`), and give out this executor. No Celery is needed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from imagetl_assets_tests.dask_executor.foreign.source import unpacked_tests
from testbed.processes import PROJECT

PLUGIN = "imagetl_assets_tests.dask_executor.foreign.libraries_plugin"
STAND_INS = Path(__file__).parent / "stand_ins"
TEST_SECONDS = 120

DIFFERING = {
    "dagster_dask_tests/test_execute.py::test_existing_scheduler": (
        "its run succeeds; then it reads an output of a result that is closed. dagster-dask skips "
        "this test"
    ),
    "dagster_dask_tests/test_execute.py::test_dask_terminate": (
        "expects that a run fails that is stopped; it is canceled. dagster-dask skips this test"
    ),
    "dagster_celery_tests/test_execute.py::test_terminate_job_on_celery": (
        "expects that a run fails that is stopped; it is canceled"
    ),
    "dagster_celery_tests/test_execute.py::test_engine_error": (
        "expects that the run raises an error of Celery's own; here, the step fails"
    ),
}
"""What differs with this executor, and why."""


def run(library: str) -> subprocess.CompletedProcess[str]:
    """Run a library's `test_execute.py` by pytest in a process of its own.

    Args:
        library: `dagster-dask` or `dagster-celery`, in the version that fits the installed Dagster.

    Raises:
        NotHere: its source distribution cannot be had.
    """
    package = f"{library.replace('-', '_')}_tests"
    folder = unpacked_tests(library, version("dagster-dask"), package, leave_out="conftest.py")
    paths = [STAND_INS, folder, PROJECT]
    options = ["-q", f"--rootdir={folder}", f"--timeout={TEST_SECONDS}", "--tb=short", "-rfE"]
    options += ["-p", "no:cacheprovider", "-p", PLUGIN]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"{package}/test_execute.py"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": ":".join(map(str, paths)),
            "PYTEST_ADDOPTS": "",
            "DAGSTER_HOME": "",
        },
        capture_output=True,
        text=True,
    )
