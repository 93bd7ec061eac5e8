"""The trial as the README tells it: all on one machine, and nothing left of it afterwards."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text

from deploy.trial.settings import load
from imagetl_assets.sample import sample_bytes
from imagetl_assets_tests.deploy import graphql
from imagetl_assets_tests.deploy.readme import commands
from imagetl_assets_tests.deploy.results import client, stored, stored_locally
from testbed import bundles
from testbed.processes import BIN, PROJECT, processes_of

pytestmark = pytest.mark.timeout(900)

_SETTINGS = ("AWS_", "DAGSTER_", "DASK_", "IMAGETL_")
STOP = "python -m deploy.trial stop"


@dataclass
class Project:
    """A folder that has the project's `deploy` in it, and what a trial keeps."""

    folder: Path

    def run(self, *lines: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run command lines as a user would, who has set nothing but `env`."""
        clean = {n: value for n, value in os.environ.items() if not n.startswith(_SETTINGS)}
        path = f"{BIN}{os.pathsep}{clean['PATH']}"
        return subprocess.run(
            ["bash", "-euc", "\n".join(lines)],
            cwd=self.folder,
            env={**clean, "PYTHONPATH": str(PROJECT), "PATH": path, **env},
            capture_output=True,
            text=True,
            timeout=400,
        )

    @property
    def settings(self) -> dict[str, str]:
        return load(self.folder / ".trial" / "env")

    @property
    def ui(self) -> str:
        return f"http://127.0.0.1:{self.settings['IMAGETL_UI_PORT']}"

    def pids(self) -> dict[str, int]:
        """Return the pids that `status` tells, and check that everything runs."""
        done = self.run("python -m deploy.trial status")
        assert done.returncode == 0, done.stdout
        fields = [line.split() for line in done.stdout.splitlines()]
        return {name: int(pid) for name, pid, *_ in fields}

    def processes(self) -> list[psutil.Process]:
        """Return all processes that have to do with the trial, by environment or working folder."""
        return processes_of(self.folder)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The trial, started and used by the README's command lines."""
    pytest.importorskip("pgserver", reason="needs PostgreSQL: pip install pgserver")
    project = Project(tmp_path_factory.mktemp("trial"))
    (project.folder / "deploy").symlink_to(PROJECT / "deploy")
    lines = commands("Trial on one machine")
    assert lines.pop() == STOP
    try:
        # The sensor would also see to the file whose run is launched.
        done = project.run(*lines, IMAGETL_SENSOR_SECONDS="1", IMAGETL_PATTERN="new*")
        assert done.returncode == 0, done.stdout + done.stderr
        yield project
    finally:
        project.run(STOP)


@pytest.mark.parametrize("partition", ["sample.img", "new.img"])
def test_a_launched_run_and_one_of_the_sensor_store_what_a_local_run_stores(
    project: Project, partition: str, tmp_path: Path
) -> None:
    run_id, status = graphql.wait_for_run(project.ui, partition)
    assert status == "SUCCESS"
    settings = project.settings
    store = client(settings)
    local = stored_locally(tmp_path, partition, sample_bytes(27))
    assert stored(store, settings["IMAGETL_STORAGE"], partition) == local
    database = create_engine(settings["DAGSTER_POSTGRES_URL"])
    with database.connect() as connection:
        steps = connection.execute(
            text(
                "SELECT count(*) FROM event_logs"
                " WHERE run_id = :run AND dagster_event_type = 'STEP_SUCCESS'"
            ),
            {"run": run_id},
        ).scalar_one()
    database.dispose()
    assert steps >= 27  # each frame's, and the other assets'
    logs = store.find(f"{settings['IMAGETL_LOGS_BUCKET']}/compute-logs")
    assert any(run_id in path for path in logs)


def test_the_real_bundle_from_bucket_to_bucket(project: Project, tmp_path: Path) -> None:
    bundle = bundles.real_bundle()
    settings = project.settings
    store = client(settings)
    # Not a name that the sensor looks for.
    store.pipe_file(f"{settings['IMAGETL_UPSTREAM'].removeprefix('s3://')}/real.bundle", bundle)
    graphql.launch(project.ui, "real.bundle")
    assert graphql.wait_for_run(project.ui, "real.bundle")[1] == "SUCCESS"
    local = stored_locally(tmp_path, "real.bundle", bundle)
    assert stored(store, settings["IMAGETL_STORAGE"], "real.bundle") == local


def test_it_listens_on_loopback_only(project: Project) -> None:
    addresses = {
        connection.laddr.ip.removeprefix("::ffff:")
        for process in project.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_secrets_are_its_own_and_for_its_user_only(project: Project) -> None:
    env_file = project.folder / ".trial" / "env"
    assert env_file.stat().st_mode & 0o077 == 0
    assert len(project.settings["AWS_SECRET_ACCESS_KEY"]) == 40


def test_start_starts_what_has_died_and_nothing_else(project: Project) -> None:
    before = project.pids()
    for name in ("worker-2", "webserver"):
        os.kill(before[name], signal.SIGKILL)
    done = project.run("python -m deploy.trial status")
    assert done.returncode == 1
    assert done.stdout.count("does not run") == 2
    assert project.run("python -m deploy.trial start").returncode == 0
    after = project.pids()
    kept = {"database", "scheduler", "store", "worker-1", "code"}
    assert {name for name in before if before[name] == after[name]} == kept
    assert project.run("python -m deploy.trial start").returncode == 0
    assert project.pids() == after


def test_stop_leaves_no_process(project: Project) -> None:
    names = " ".join(" ".join(process.cmdline()) for process in project.processes())
    for program in ("postgres", "moto", "scheduler", "worker", "grpc", "webserver", "daemon"):
        assert program in names, program
    assert project.run(STOP).returncode == 0
    assert project.processes() == []
    assert project.run(STOP).returncode == 0


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    (tmp_path / "deploy").symlink_to(PROJECT / "deploy")
    project = Project(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        elsewhere = {"DAGSTER_POSTGRES_URL": "postgresql+psycopg2://nobody@127.0.0.1:1/none"}
        start = "python -m deploy.trial start"
        done = project.run(start, DASK_SCHEDULER_ADDRESS=address, **elsewhere)
    assert done.returncode == 1
    assert f"something else listens at {address}, where scheduler is to be" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert project.run(STOP).returncode == 0
    assert project.processes() == []


def test_what_cannot_start_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "deploy").symlink_to(PROJECT / "deploy")
    project = Project(tmp_path)
    elsewhere = {"DAGSTER_POSTGRES_URL": "postgresql+psycopg2://nobody@127.0.0.1:1/none"}
    start = "python -m deploy.trial start"
    done = project.run(start, DASK_SCHEDULER_ADDRESS="tcp://192.0.2.1:8786", **elsewhere)
    try:
        assert done.returncode == 1
        assert "scheduler has ended by itself: " in done.stderr
        assert f"(all of it is in {tmp_path}/.trial/scheduler.log)" in done.stderr
    finally:
        project.run(STOP)
    assert project.processes() == []
