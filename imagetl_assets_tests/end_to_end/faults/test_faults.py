"""Parts of a deployment are killed, frozen or restarted while frames are stored.

Whatever happens, the result is right in the end, and each step's success is told once.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from dagster import DagsterInstance, DagsterRunStatus

from imagetl_assets.sample import sample_bytes
from imagetl_assets_tests.end_to_end.faults.deployment import (
    PATIENCE,
    Deployment,
    daemon,
    deployment,
)
from testbed.dask_cluster import with_group
from testbed.pipeline import Pipeline
from testbed.postgres import Postgres, postgres
from testbed.processes import wait_for

pytestmark = pytest.mark.timeout(900)

FRAMES = 40
FILE = "all-images.img"
CONFIG: dict[str, Any] = {"frames_per_step": 1, "resize": "50%"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """All that is stored if nothing goes wrong, by its path."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / FILE).write_bytes(sample_bytes(FRAMES))
    with DagsterInstance.ephemeral() as instance:
        pipeline = Pipeline(folder / "storage", str(folder), instance)
        assert pipeline.run(frames=CONFIG).success
        return contents(pipeline.root)


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployment]:
    with deployment(tmp_path, {}) as running:
        yield running
    assert running.left == []


def contents(root: Path) -> dict[str, bytes]:
    """The raw file, the frames and the clip."""
    folder = root / FILE
    paths = [folder / "image-data.img", folder / "clip.gif", *(folder / "frames").iterdir()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(json.dumps({"ops": {"frames": {"config": CONFIG}}}))  # JSON is YAML
    return path


def add_file(deployed: Deployment) -> None:
    deployed.shell.add_file(FILE, sample_bytes(FRAMES))


def assert_is_right(deployed: Deployment, undisturbed: dict[str, bytes]) -> None:
    assert deployed.latest_run.status is DagsterRunStatus.SUCCESS
    assert contents(deployed.shell.cluster.storage) == undisturbed


def test_a_worker_is_killed(
    deployed: Deployment, config: Path, undisturbed: dict[str, bytes]
) -> None:
    add_file(deployed)
    run = deployed.start_run(config)
    deployed.wait_until_frames_are_stored(3)
    os.kill(deployed.latest_worker_pid(), signal.SIGKILL)
    assert run.wait(PATIENCE) == 0
    assert deployed.frames_stored() == FRAMES
    assert_is_right(deployed, undisturbed)


def test_a_worker_is_frozen_for_longer_than_the_scheduler_waits(
    tmp_path: Path, config: Path, undisturbed: dict[str, bytes]
) -> None:
    patience = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "4 seconds"}
    # A nanny would kill it.
    with deployment(tmp_path, {}, "--no-nanny", scheduler_env=patience) as deployed:
        add_file(deployed)
        run = deployed.start_run(config)
        deployed.wait_until_frames_are_stored(3)
        frozen = psutil.Process(deployed.latest_worker_pid())
        frozen.suspend()
        assert run.wait(PATIENCE) == 0
        assert deployed.frames_stored() == FRAMES
        assert_is_right(deployed, undisturbed)

        told = len(deployed.instance.all_logs(deployed.latest_run.run_id))
        frozen.resume()  # goes on with its step, and leaves when it hears that it was given up
        psutil.wait_procs([frozen], timeout=PATIENCE)
        assert not frozen.is_running()
        assert contents(deployed.shell.cluster.storage) == undisturbed
        assert len(deployed.instance.all_logs(deployed.latest_run.run_id)) == told
        assert deployed.start_run(config).wait(PATIENCE) == 0
        assert_is_right(deployed, undisturbed)
    assert deployed.left == []


def test_the_scheduler_is_killed(
    deployed: Deployment, config: Path, undisturbed: dict[str, bytes]
) -> None:
    add_file(deployed)
    run = deployed.start_run(config)
    deployed.wait_until_frames_are_stored(3)
    assert deployed.dask.scheduler is not None
    with_group(deployed.dask.scheduler, signal.SIGKILL)
    assert run.wait(PATIENCE) != 0
    (error,) = deployed.errors()
    assert "re-execute the run from failure" in error
    done, stored = set(deployed.steps_done()), deployed.frames_stored()

    deployed.start_another_cluster()
    deployed.reexecute_from_failure()
    assert not done & set(deployed.steps_done())
    assert stored + deployed.frames_stored() == FRAMES
    assert_is_right(deployed, undisturbed)


# PostgreSQL


@pytest.fixture
def database() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


def test_the_database_crashes_and_comes_back(
    tmp_path: Path, database: Postgres, config: Path, undisturbed: dict[str, bytes]
) -> None:
    """With a daemon, which goes on as well."""
    with deployment(tmp_path, {"storage": database.storage}) as deployed:
        env = {"IMAGETL_SENSOR_SECONDS": "1", "IMAGETL_PATTERN": "later*"}
        with daemon(deployed.shell, **env):
            add_file(deployed)
            run = deployed.start_run(config)
            deployed.wait_until_frames_are_stored(3)
            database.stop("immediate")
            database.start()
            assert run.wait(PATIENCE) == 0
            assert deployed.frames_stored() == FRAMES
            assert_is_right(deployed, undisturbed)

            deployed.shell.add_file("later.img", sample_bytes(2))
            wait_for(lambda: deployed.instance.get_runs_count() == 2, PATIENCE)
            wait_for(lambda: deployed.latest_run.is_finished, PATIENCE)
            assert deployed.latest_run.status is DagsterRunStatus.SUCCESS
    assert deployed.left == []
