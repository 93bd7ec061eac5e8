"""What CONTRIBUTING.md and the page on the architecture say of the project's files is so."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from packaging.version import Version

from testbed.bounds import lowest
from testbed.processes import PROJECT

FOLDERS = r"imagetl_assets|imagetl_assets_tests|testbed|benchmarks|deploy|docs|\.ci"
PARTS = PROJECT / ".ci" / "parts"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_files_that_are_named_are_there(page: str) -> None:
    text = (PROJECT / page).read_text()
    named = re.findall(rf"`((?:{FOLDERS})/[^`\s<>]*|\w[\w-]*\.(?:md|txt|toml))`", text)
    assert named
    assert [path for path in named if not (PROJECT / path).exists()] == []


def test_the_layers_have_the_folders_that_are_named() -> None:
    package = PROJECT / "imagetl_assets"
    text = (PROJECT / "docs" / "architecture.md").read_text()
    below = [package, package / "dask_executor"]
    for name in re.findall(r"`((?:\w+/)+(?:\w+\.py)?|\w+\.py)`", text):
        assert any((folder / name).exists() for folder in [*below, PROJECT]), name


def test_every_part_of_ci_is_run_and_told() -> None:
    parts = {path.name for path in PARTS.iterdir()}
    script = (PROJECT / ".ci" / "run").read_text()
    (rounds,) = re.findall(r"^rounds=\(\n(.*?)^\)", script, re.M | re.S)
    run = set(re.findall(r"[\w-]+", rounds))
    told = re.findall(
        r"^\| `([\w-]+)` \| [^|]+ \|$", (PROJECT / "CONTRIBUTING.md").read_text(), re.M
    )
    assert run == parts - {"coverage", "executor-prerelease"}  # run if they are named
    assert set(told) == parts


@pytest.mark.parametrize(
    ("script", "together", "code"),
    [
        ("true", True, 0),
        ("exit 77", True, 0),
        ("false; true", True, 1),
        ("false; true", False, 1),
        ("kill -9 $PPID", True, 1),
    ],
)
def test_a_part_that_has_failed_or_was_killed_fails_ci(
    tmp_path: Path, script: str, together: bool, code: int
) -> None:
    (tmp_path / ".ci" / "parts").mkdir(parents=True)
    shutil.copy(PROJECT / ".ci" / "run", tmp_path / ".ci")
    (tmp_path / ".ci" / "parts" / "good").write_text("echo fine\n")
    (tmp_path / ".ci" / "parts" / "other").write_text(f"{script}\n")
    rounds = ["good other"] if together else ["good", "other"]
    done = subprocess.run(
        ["bash", ".ci/run", *rounds], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code
    assert ("good: fine" if together else "fine") in done.stdout.splitlines()
    failed = [line for line in done.stdout.splitlines() if line.startswith("failed: ")]
    assert failed == ["failed: other"] * code


def test_what_is_left_out_on_other_pythons_is_there() -> None:
    """pytest would not say so if a test had another name."""
    (without,) = re.findall(
        r"^without=\(\n(.*?)^\)", (PROJECT / ".ci" / "test-on").read_text(), re.M | re.S
    )
    names = re.findall(r"^  (\w\S*\.py)(?:::(\w+))?", without, re.M)
    assert names
    for file, test in names:
        source = (PROJECT / "imagetl_assets_tests" / "dask_executor" / file).read_text()
        assert f"def {test}" in source, (file, test)


def test_the_fast_loop_has_all_linters() -> None:
    fast = (PROJECT / ".ci" / "fast").read_text()
    linters = (PARTS / "linters").read_text().splitlines()
    assert [line for line in linters if line.startswith(".venv/") and line not in fast] == []


def test_the_lowest_versions_are_those_that_are_tested() -> None:
    """If not: bash .ci/lock-lowest."""
    lines = (PROJECT / "constraints-lowest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    tested = {_plain(name): Version(version) for name, version in pinned.items()}
    bounds = {_plain(name): Version(version) for name, version in lowest(("test",)).items()}
    assert {name: tested.get(name) for name in bounds} == bounds
    page = (PROJECT / "imagetl_assets" / "dask_executor" / "README.md").read_text()
    assert f"(Dagster {bounds['dagster']}, Dask {bounds['dask']},\nPython 3.10)" in page


def test_commands_that_are_not_run_are_those_of_pages() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text()
    section = text.partition("## Commands in the documents")[2].partition("\n## ")[0]
    pages = [PROJECT / "README.md", PROJECT / "deploy" / "README.md", *PROJECT.glob("docs/*.md")]
    shown = "".join(page.read_text() for page in pages)
    listed = re.findall(r"^\| `([^`]+)`", section, re.M)
    assert listed
    assert [command for command in listed if f"    {command}" not in shown] == []


def _plain(name: str) -> str:
    """Return a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
