"""Which part imports which: the contracts in pyproject.toml."""

import re
import subprocess

from testbed.processes import BIN, PROJECT


def test_each_part_imports_only_what_it_may() -> None:
    command = [str(BIN / "lint-imports"), "--no-cache"]
    checked = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_only_tests_import_from_tests() -> None:
    ours = [PROJECT / name for name in ("imagetl_assets", "testbed", "benchmarks", "deploy")]
    texts = {file: file.read_text() for folder in ours for file in folder.rglob("*.py")}
    assert [file for file, text in texts.items() if "imagetl_assets_tests" in text] == []


def test_what_is_private_of_dagster_is_imported_in_two_places() -> None:
    """A new version of Dagster may change it: then these are the places to look."""
    places = ("dagster_private.py", "dagster_internals")
    private = re.compile(r"^\s*(from|import) (dagster\._|dagster_shared)", re.MULTILINE)
    found = [
        str(file.relative_to(PROJECT))
        for file in (PROJECT / "imagetl_assets").rglob("*.py")
        if not set(places) & {file.name, file.parent.name} and private.search(file.read_text())
    ]
    assert found == []
