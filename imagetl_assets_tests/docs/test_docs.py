"""What the documentation says is so."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dagster
import pytest
import yaml

from imagetl_assets.definitions import defs
from imagetl_assets.images.bundle import find_frames
from imagetl_assets.sample import write_sample
from testbed import webhook
from testbed.bundles import tiny_frame
from testbed.imagetl_dev import DEV, NEW_FILE
from testbed.ports import free_ports
from testbed.processes import BIN, PROJECT

DOCS = PROJECT / "docs"
_COMMANDS = ("imagetl ", "dagster ", "dask ", "mkdir ", "IMAGETL_", "DASK_", "DAGSTER_", "export ")


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


def _bash(
    lines: list[str], folder: Path, settings: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """Run commands one after the other, as a new user would, until one of them fails."""
    return subprocess.run(
        ["bash", "-eux", "-c", "\n".join(lines)],
        cwd=folder,
        env={**clean_environment(), **settings},
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
    """With the function for pictures. But for dg, which works in the project's folder."""
    lines = [line for line in commands("how-to.md") if line.startswith(("imagetl ", "dagster "))]
    script = [line for line in lines if line != "imagetl dev"]
    (tmp_path / "definitions.py").write_text(programs("how-to.md")[-1])
    (function,) = [program for program in programs("pictures.md") if "def blurred" in program]
    (tmp_path / "my_pictures.py").write_text(function)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.gif").write_bytes(tiny_frame(1))
    done = _bash([*script, *commands("pictures.md")], tmp_path, {"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert len(list(find_frames((tmp_path / "again.img").open("rb")))) == 5
    assert not (tmp_path / "storage" / "shots").exists()
    assert (tmp_path / "storage" / "photos" / "clip.gif").exists()
    assert "RUN_SUCCESS" in done.stderr


def test_dg_as_it_is_written(tmp_path: Path) -> None:
    """In the project's folder, but with a storage and an instance elsewhere."""
    bundle = tmp_path / "upstream" / "all-images.img"
    bundle.parent.mkdir()
    with bundle.open("wb") as file:
        write_sample(file, 2)
    places = {name: str(tmp_path / name) for name in ("storage", "upstream", "home")}
    (tmp_path / "home").mkdir()
    settings = {
        "IMAGETL_STORAGE": places["storage"],
        "IMAGETL_UPSTREAM": places["upstream"],
        "DAGSTER_HOME": places["home"],
    }
    done = _bash(
        re.findall(r"^    (dg .*)$", (DOCS / "how-to.md").read_text(), re.M), PROJECT, settings
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "clip_gif" in done.stdout
    assert (tmp_path / "storage" / "all-images.img" / "clip.gif").exists()


def definitions_of(program: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    exec(compile(program, "definitions.py", "exec", dont_inherit=True), found)
    return found


def test_the_sensor_that_tells_the_team(monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = [p for p in programs("how-to.md") if "tell_the_team" in p]
    found = definitions_of(program)

    @dagster.op
    def broken() -> None:
        raise ValueError

    @dagster.job(tags={"dagster/partition": "holiday.img"})
    def broken_job() -> None:
        broken()

    with webhook.receive() as team, dagster.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv("TEAM_WEBHOOK", team.http_url)
        result = broken_job.execute_in_process(instance=instance, raise_on_error=False)
        context = dagster.build_run_status_sensor_context(
            "tell_the_team", result.get_run_failure_event(), instance, result.dagster_run
        )
        found["tell_the_team"](context.for_run_failure())
    (message,) = team.messages
    assert message["text"].startswith("holiday.img failed: ")
    assert found["defs"].get_repository_def().has_sensor_def("tell_the_team")


def test_definitions_can_be_merged_with_others() -> None:
    (program,) = [p for p in programs("how-to.md") if "def poster" in p]
    repository = definitions_of(program)["defs"].get_repository_def()
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


def test_the_schedule_as_it_is_written(tmp_path: Path) -> None:
    done = _bash(commands("schedule.md"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Started schedule nightly" in done.stdout


def test_the_ui_and_the_sensor_begin_with_the_same_commands() -> None:
    """Which `test_dev` runs, with other ports."""
    assert commands("ui.md") == DEV
    assert commands("sensor.md")[:3] == [*DEV, NEW_FILE]


def test_every_setting_has_its_line() -> None:
    source = "".join(path.read_text() for path in (PROJECT / "imagetl_assets").rglob("*.py"))
    read = set(re.findall(r'environ[^"\n]*"(IMAGETL_\w+)"|_positive\("(IMAGETL_\w+)"', source))
    variables = {name for pair in read for name in pair if name}
    told = set(re.findall(r"^\| `(IMAGETL_\w+)`", (DOCS / "settings.md").read_text(), re.M))
    assert told == variables


def run_configs() -> list[tuple[str, str]]:
    """Return the run config that pages show, each with the name of its page."""
    pages = [PROJECT / "README.md", *DOCS.glob("*.md"), *PROJECT.glob("imagetl_assets/**/*.md")]
    return [
        (page.name, config)
        for page in pages
        for config in re.findall(
            r"^```yaml\n(.*?)^```$|^    (execution: [^\n]*)$", page.read_text(), re.M | re.S
        )
        for config in filter(None, config)
    ]


@pytest.mark.parametrize(("page", "text"), run_configs())
def test_run_config_can_be_used_as_it_is_written(page: str, text: str) -> None:
    config = yaml.safe_load(text)
    name = "remove_upstream_file" if "remove" in config.get("ops", {}) else "image_etl"
    dagster.validate_run_config(defs.resolve_job_def(name), config)


def test_links_lead_somewhere() -> None:
    for page in (*DOCS.glob("*.md"), *PROJECT.glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), (page.name, target)
