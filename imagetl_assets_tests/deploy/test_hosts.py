"""A deployment as the README tells it: each process in a folder, as on a host, of its own.

The settings are those of env.example, all of them, TLS included.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.trial.processes import Background, stop
from imagetl_assets.cli.dev import is_loaded
from imagetl_assets.sample import sample_bytes
from imagetl_assets_tests.deploy import graphql
from imagetl_assets_tests.deploy.readme import commands, sections
from imagetl_assets_tests.deploy.results import client, stored, stored_locally
from testbed.object_store import create_bucket, moto
from testbed.ports import free_ports
from testbed.postgres import postgres
from testbed.processes import BIN, PROJECT, wait_for

pytestmark = pytest.mark.timeout(900)

DEPLOY = PROJECT / "deploy"
EXAMPLE = (DEPLOY / "env.example").read_text()
SERVE = [line for line in commands("Each host") if line.startswith("deploy/serve ")]
PARTITION = "pictures.img"


def clean_env() -> dict[str, str]:
    """Return what a process has that is told nothing: no setting, and no AWS or Dask variable."""
    names = ("HOME", "LANG", "PYTHONDONTWRITEBYTECODE", "XDG_RUNTIME_DIR")
    env = {name: os.environ[name] for name in names if name in os.environ}
    return {**env, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(PROJECT)}


def run(line: str, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euc", line], cwd=cwd, env=env, capture_output=True, text=True, timeout=240
    )


@dataclass
class Deployment:
    """Where the UI is, the settings of all processes, and the folders of their hosts."""

    folder: Path
    ui: str
    settings: dict[str, str]
    backgrounds: list[Background]

    def host(self, service: str) -> Path:
        return self.folder / service / "project"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("hosts")
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        store = stack.enter_context(moto(folder / "store"))
        create_bucket(store, "imagetl")
        for line in commands("Who may reach what"):
            done = run(line, folder, clean_env())
            assert done.returncode == 0, done.stderr
        ui, code, scheduler, dashboard = free_ports(4)
        settings = example_settings()
        tls = {name for name in settings if "__TLS__" in name}
        settings |= {
            **{name: f"{folder}/{Path(settings[name]).name}" for name in tls},
            **store.settings,
            "DAGSTER_HOME": f"{folder}/home",
            "DAGSTER_POSTGRES_URL": database.url,
            "DASK_SCHEDULER_ADDRESS": f"tls://127.0.0.1:{scheduler}",
            "DASK_DASHBOARD_ADDRESS": f"127.0.0.1:{dashboard}",
            "DASK_WORKER_HOST": "127.0.0.1",
            "DASK_WORKERS": "2",
            "IMAGETL_CODE_HOST": "127.0.0.1",
            "IMAGETL_CODE_PORT": str(code),
            "IMAGETL_UI_PORT": str(ui),
        }
        deployment = Deployment(folder, f"http://127.0.0.1:{ui}", settings, [])
        stack.callback(lambda: stop(*deployment.backgrounds))
        setup = [line for line in commands("Each host") if line not in SERVE]
        # Whichever comes first waits for the others.
        for line in reversed(SERVE):
            host = deployment.host(line.split()[1])
            host.mkdir(parents=True)
            shutil.copytree(DEPLOY, host / "deploy", ignore=shutil.ignore_patterns("trial"))
            text = "".join(f"{name}='{value}'\n" for name, value in settings.items())
            (host / "deploy" / "env").write_text(text)
            for command in setup:
                done = run(command, host, {**clean_env(), **settings})
                assert done.returncode == 0, done.stderr
            background = Background(line.split()[1], folder)
            deployment.backgrounds.append(background)
            background.start([str(host / line.split()[0]), line.split()[1]], clean_env())
        wait_for(lambda: is_loaded(deployment.ui), 180)
        yield deployment


def example_settings() -> dict[str, str]:
    """Return the settings of env.example, those that are commented out included."""
    return dict(re.findall(r"^#?([A-Z_]+)=(\S+)$", EXAMPLE, re.M))


def test_a_run_from_bucket_to_bucket_over_tls(deployment: Deployment, tmp_path: Path) -> None:
    store = client(deployment.settings)
    bundle = sample_bytes(27)
    store.pipe_file(f"imagetl/upstream/{PARTITION}", bundle)
    graphql.launch(deployment.ui, PARTITION)
    assert graphql.wait_for_run(deployment.ui, PARTITION)[1] == "SUCCESS"
    local = stored_locally(tmp_path, PARTITION, bundle)
    assert stored(store, deployment.settings["IMAGETL_STORAGE"], PARTITION) == local
    assert all(background.process() for background in deployment.backgrounds)


def test_a_client_without_a_certificate_is_told_what_to_set(deployment: Deployment) -> None:
    settings = {
        name: value for name, value in deployment.settings.items() if "DISTRIBUTED" not in name
    }
    env = {**clean_env(), **settings, "DAGSTER_HOME": ""}
    done = run("imagetl run", deployment.folder, env)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "this process has no certificate" in last
    assert "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in last
    assert "Traceback" not in done.stderr


def test_a_client_that_does_not_know_of_tls_is_told_so(deployment: Deployment) -> None:
    address = deployment.settings["DASK_SCHEDULER_ADDRESS"].replace("tls://", "tcp://")
    done = run(f"imagetl run --scheduler {address}", deployment.folder, clean_env())
    assert done.returncode == 1
    assert "If it uses TLS, its address begins with tls://" in done.stderr
    encrypted = {**clean_env(), "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true"}
    done = run(f"imagetl run --scheduler {address}", deployment.folder, encrypted)
    assert done.returncode == 1
    assert "must not connect without TLS" in done.stderr


def test_the_commands_of_an_upgrade(deployment: Deployment) -> None:
    for line in commands("Upgrade"):
        done = run(line, deployment.host("code"), {**clean_env(), **deployment.settings})
        assert done.returncode == 0, done.stderr


def test_every_command_of_the_readme_is_run_by_a_test() -> None:
    # Those for Kubernetes are only checked, in test_kubernetes.py.
    tested = {"Kubernetes", "Trial on one machine", "Each host", "Who may reach what", "Upgrade"}
    assert {section for section in sections() if commands(section)} == tested
    services = re.findall(r"^  (\w+)\)$", (DEPLOY / "serve").read_text(), re.M)
    assert [line.split()[1] for line in SERVE] == services


def test_every_setting_of_a_deployment_is_in_the_example() -> None:
    used = set()
    for name in ("serve", "dagster.yaml", "workspace.yaml"):
        used |= set(
            re.findall(r"\b((?:AWS|DAGSTER|DASK|IMAGETL)_\w+)", (DEPLOY / name).read_text())
        )
    assert used - set(example_settings()) == {"IMAGETL_ENV"}  # which says where they are


def test_an_unknown_process_is_refused() -> None:
    done = subprocess.run([DEPLOY / "serve", "cook"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "scheduler|worker|code|webserver|daemon" in done.stderr


def test_the_systemd_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / "imagetl@.service"
    unit.write_text((DEPLOY / unit.name).read_text().replace("/opt/imagetl", str(PROJECT)))
    done = subprocess.run(
        [analyze, "verify", str(unit)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
