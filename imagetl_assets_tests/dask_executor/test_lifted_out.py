"""The executor's folder works alone, without the rest of the project."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from testbed import trivial_ops
from testbed.processes import PROJECT

PROGRAM = """
import sys
from dagster import DagsterInstance, execute_job, job, reconstructable
from imagetl_assets.dask_executor import dask_executor
from trivial_ops import double, numbers, total


@job(executor_def=dask_executor)
def mapped():
    total(numbers().map(double).collect())


if __name__ == "__main__":
    print("Dask:", "distributed" in sys.modules)  # Definitions are loaded without it.
    from program import mapped

    config = {
        "ops": {"numbers": {"config": {"count": 3}}},
        "execution": {"config": {"cluster": {"local": {"n_workers": 1}}}},
    }
    with DagsterInstance.local_temp(overrides={"telemetry": {"enabled": False}}) as instance:
        with execute_job(reconstructable(mapped), instance, run_config=config) as result:
            print("total:", result.output_for_node("total"))
    ours = [name for name in sys.modules if name.startswith("imagetl_assets.")]
    print("rest:", [name for name in ours if not name.startswith("imagetl_assets.dask_executor")])
    print("from:", sys.modules["imagetl_assets"].__file__)
"""


def test_the_executor_runs_a_job_without_the_rest_of_the_project(tmp_path: Path) -> None:
    package = tmp_path / "imagetl_assets"
    copied = package / "dask_executor"
    shutil.copytree(PROJECT / "imagetl_assets" / "dask_executor", copied)
    (package / "__init__.py").touch()
    shutil.copy(trivial_ops.__file__, tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)

    # With -S, no .pth file of site-packages is read, which leads to the project itself.
    done = subprocess.run(
        [sys.executable, "-S", "program.py"],
        cwd=tmp_path,
        env={"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": sysconfig.get_path("purelib")},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Dask: False",
        "total: 6",
        "rest: []",
        f"from: {package / '__init__.py'}",
    ]
