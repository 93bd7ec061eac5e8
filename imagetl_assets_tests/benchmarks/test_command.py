"""`python -m benchmarks`, as a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.results import OURS, load
from testbed.processes import PROJECT


def benchmarks(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *args],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_one_comparison(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    done = benchmarks("--quick", "--only", "clip", "--results", str(file))
    assert done.returncode == 0, done.stderr
    measured = load(file)["clip"]
    assert measured.machine["cores"]
    for contender in (OURS, "plain copy", "imageio"):
        series = measured.find("clip of 3 frames", contender)
        assert series is not None
        assert len(series.values) == 1
    assert "| clip of 3 frames | imageio |" in done.stdout

    before = file.read_bytes()
    again = benchmarks("--rest", "--quick", "--only", "clip", "--results", str(file))
    assert again.returncode == 0, again.stderr
    assert file.read_bytes() == before


def test_an_unknown_name_is_refused() -> None:
    done = benchmarks("--only", "everything")
    assert done.returncode == 2
    assert "real-bundle" in done.stderr
