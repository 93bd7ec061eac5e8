"""`imagetl run` tells what is wrong with the executor in one line, without a class's name."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from testbed.processes import BIN


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("DAGSTER_DASK_REPLACEMENTS", "offf", "DAGSTER_DASK_REPLACEMENTS names offf, which is no"),
        ("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:1", "No Dask scheduler answers at tcp://"),
    ],
)
def test_a_wrong_setting_is_told_plainly(
    tmp_path: Path, setting: str, value: str, message: str
) -> None:
    home = {"DAGSTER_HOME": str(tmp_path), "IMAGETL_STORAGE": str(tmp_path / "storage")}
    quick = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    done = subprocess.run(
        [str(BIN / "imagetl"), "run"],
        env={**os.environ, **home, **quick, setting: value},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"imagetl: the run failed: {message}")
    assert "No dagster instance configuration file" not in done.stderr


@pytest.mark.parametrize(
    ("command", "setting", "value", "message"),
    [
        (
            "run",
            "DASK_SCHEDULER_ADDRESS",
            "nonsense",
            "DASK_SCHEDULER_ADDRESS: 'nonsense' is not an address such as tcp://host:8786",
        ),
        (
            "run",
            "IMAGETL_CLIPS",
            "avi",
            "IMAGETL_CLIPS: 'avi' is no clip: there are webp, mp4 and webm",
        ),
        (
            "dev",
            "IMAGETL_CLIPS",
            "avi",
            "IMAGETL_CLIPS: 'avi' is no clip: there are webp, mp4 and webm",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_told_before_anything_is_started(
    tmp_path: Path, command: str, setting: str, value: str, message: str
) -> None:
    done = subprocess.run(
        [str(BIN / "imagetl"), command],
        env={**os.environ, setting: value},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == f"imagetl: {message}\n"
    assert list(tmp_path.iterdir()) == []
