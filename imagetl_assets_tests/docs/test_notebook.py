"""The example notebook, executed as it stands."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from testbed import bundles
from testbed.processes import BIN, PROJECT

NOTEBOOK = PROJECT / "examples" / "image_etl.ipynb"


def test_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    outputs = [str(cell.get("outputs")) for cell in notebook.cells]
    assert any("download skipped" in output for output in outputs)
    assert "image/gif" in outputs[-2]
    folder = tmp_path / "storage" / "all-images.img"
    assert bundles.timing((folder / "clip.gif").read_bytes()) == ({100}, 0)
    assert bundles.timing((folder / "fast.gif").read_bytes()) == ({40}, 0)
