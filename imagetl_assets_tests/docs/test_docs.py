"""What the documentation says is so."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from imagetl_assets.images.bundle import find_frames
from testbed.ports import free_ports
from testbed.processes import BIN, PROJECT

DOCS = PROJECT / "docs"
_COMMANDS = ("imagetl ", "dagster ", "dask ", "mkdir ", "IMAGETL_", "DASK_", "export ")


def commands(page: str) -> list[str]:
    """Return the indented lines of a page that are commands."""
    lines = re.findall(r"^    (\S.*)$", (DOCS / page).read_text(), re.M)
    return [line for line in lines if line.startswith(_COMMANDS)]


def programs(page: str) -> list[str]:
    """Return the Python programs of a page."""
    return re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(), re.M | re.S)


def clean_environment() -> dict[str, str]:
    """Return the environment of a new user who has installed the project."""
    names = ("DAGSTER_HOME", "DASK_SCHEDULER_ADDRESS", "IMAGETL_STORAGE", "IMAGETL_UPSTREAM")
    env = {name: value for name, value in os.environ.items() if name not in names}
    return {**env, "PATH": f"{BIN}{os.pathsep}{env['PATH']}"}


def _bash(lines: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run commands one after the other, as a new user would, until one of them fails."""
    return subprocess.run(
        ["bash", "-eux", "-c", "\n".join(lines)],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_the_first_run_as_it_is_written(tmp_path: Path) -> None:
    done = _bash(commands("first-run.md"), tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("sample.img", "pictures.img", "all-images.img"):
        assert (tmp_path / "storage" / name / "clip.gif").exists()


def test_each_way_of_the_how_to_as_it_is_written(tmp_path: Path) -> None:
    """But for dg, which works in the project's folder; it has tests of its own."""
    script = [line for line in commands("how-to.md") if line.startswith(("imagetl ", "dagster "))]
    (tmp_path / "definitions.py").write_text(programs("how-to.md")[-1])
    done = _bash(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list(find_frames((tmp_path / "again.img").open("rb")))) == 5
    assert not (tmp_path / "storage" / "shots").exists()
    assert "RUN_SUCCESS" in done.stderr


def test_definitions_can_be_merged_with_others() -> None:
    program = programs("how-to.md")[0]
    found: dict[str, Any] = {}
    exec(compile(program, "definitions.py", "exec", dont_inherit=True), found)
    repository = found["defs"].get_repository_def()
    keys = {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}
    assert keys >= {"poster", "clip_gif"}
    assert repository.has_job("image_etl")


def test_the_cluster_as_it_is_written(tmp_path: Path) -> None:
    """But for the port, which may be in use here."""
    port = str(free_ports(1)[0])
    scheduler, *settings, worker, run = [
        command.replace("8786", port) for command in commands("cluster.md")
    ]
    script = [
        f"{scheduler} --port {port} --no-dashboard &",
        *settings,
        f"{worker} --no-dashboard &",
        run,
    ]
    log = tmp_path / "log"
    with log.open("w") as out:
        shell = subprocess.Popen(
            ["bash", "-eux", "-c", "\n".join(script)],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=out,
            stderr=out,
            start_new_session=True,  # with the two that it leaves in the background
        )
        try:
            assert shell.wait(timeout=120) == 0, log.read_text()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    assert list(tmp_path.glob("storage/*/clip.gif"))


def test_every_setting_has_its_line() -> None:
    source = "".join(path.read_text() for path in (PROJECT / "imagetl_assets").rglob("*.py"))
    read = set(re.findall(r'environ[^"\n]*"(IMAGETL_\w+)"|_positive\("(IMAGETL_\w+)"', source))
    variables = {name for pair in read for name in pair if name}
    told = set(re.findall(r"^\| `(IMAGETL_\w+)`", (DOCS / "settings.md").read_text(), re.M))
    assert told == variables


def test_links_lead_somewhere() -> None:
    for page in (*DOCS.glob("*.md"), *PROJECT.glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), (page.name, target)
