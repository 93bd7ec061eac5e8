"""What the documentation says is so."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from imagetl_assets_tests.pipeline.processes import BIN

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
_COMMANDS = ("imagetl ", "dagster ", "dask ", "mkdir ", "IMAGETL_", "DASK_", "export ")


def commands(page: str) -> list[str]:
    """Return the indented lines of a page that are commands."""
    lines = re.findall(r"^    (\S.*)$", (DOCS / page).read_text(), re.M)
    return [line for line in lines if line.startswith(_COMMANDS)]


def test_the_first_run_as_it_is_written(tmp_path: Path) -> None:
    names = ("DAGSTER_HOME", "DASK_SCHEDULER_ADDRESS", "IMAGETL_STORAGE", "IMAGETL_UPSTREAM")
    env = {name: value for name, value in os.environ.items() if name not in names}
    env["PATH"] = f"{BIN}{os.pathsep}{env['PATH']}"
    script = "\n".join(commands("first-run.md"))
    done = subprocess.run(
        ["bash", "-eux", "-c", script],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    for name in ("sample.img", "pictures.img", "all-images.img"):
        assert (tmp_path / "storage" / name / "clip.gif").exists()


def test_every_setting_has_its_line() -> None:
    source = "".join(path.read_text() for path in (PROJECT / "imagetl_assets").rglob("*.py"))
    read = set(re.findall(r'environ[^"\n]*"(IMAGETL_\w+)"|_positive\("(IMAGETL_\w+)"', source))
    variables = {name for pair in read for name in pair if name}
    told = set(re.findall(r"^\| `(IMAGETL_\w+)`", (DOCS / "settings.md").read_text(), re.M))
    assert told == variables


def test_links_lead_somewhere() -> None:
    for page in (*DOCS.glob("*.md"), PROJECT / "README.md"):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), (page.name, target)
