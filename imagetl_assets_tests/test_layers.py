"""Which part imports which: the contracts in pyproject.toml."""

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
