"""Fixtures that several folders use: servers, stores, instances, and runs of the job."""

from __future__ import annotations

import shutil
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dagster import DagsterInstance

from imagetl_assets.storage import Store, open_store
from testbed import cloud_emulators, http_server, object_store
from testbed import shell as shells
from testbed.dagster_runs import local_instance
from testbed.pipeline import Pipeline


def pytest_configure() -> None:
    """Heed SIGINT, which is ignored by what a script starts in the background, such as these tests.

    All that they start would ignore it, too, and Dagster's commands would then ignore SIGTERM as
    well: each that a test ends would have to be killed after a while.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def server() -> Iterator[http_server.HttpServer]:
    with http_server.serve() as running:
        yield running


@pytest.fixture
def pipeline(tmp_path: Path, server: http_server.HttpServer) -> Iterator[Pipeline]:
    with DagsterInstance.ephemeral() as instance:
        yield Pipeline(tmp_path / "storage", server.url, instance)


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an instance without runs; to copy them takes less than to create tables."""
    home = tmp_path_factory.mktemp("empty_home")
    with local_instance(home) as instance:
        instance.get_runs()
    return home


@pytest.fixture
def dagster_home(tmp_path: Path, empty_home: Path) -> Path:
    return Path(shutil.copytree(empty_home, tmp_path / "dagster_home"))


@pytest.fixture
def instance(dagster_home: Path) -> Iterator[DagsterInstance]:
    """A Dagster instance on SQLite."""
    with local_instance(dagster_home) as instance:
        yield instance


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[shells.Cluster]:
    with shells.cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path, cluster: shells.Cluster) -> shells.Shell:
    """A fresh instance, of which nothing is known."""
    (tmp_path / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        "run_coordinator:\n"
        "  {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}\n"
    )
    return shells.Shell(tmp_path, cluster)


@pytest.fixture(scope="session")
def moto_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object_store.ObjectStore]:
    """The quick object store."""
    with _started_store("moto", tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="session")
def swift_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object_store.ObjectStore]:
    """The real object store."""
    with _started_store("swift", tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="session")
def gcs_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object_store.ObjectStore]:
    """Google Cloud Storage, emulated."""
    with _started_store("gcs", tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="session")
def azure_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object_store.ObjectStore]:
    """Azure Blob Storage, emulated."""
    with _started_store("azure", tmp_path_factory) as running:
        yield running


@contextmanager
def _started_store(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[object_store.ObjectStore]:
    kinds = {**object_store.KINDS, **cloud_emulators.KINDS}
    with kinds[kind](tmp_path_factory.mktemp(kind), 0) as store:
        yield store


@pytest.fixture(params=["folder", "memory", "moto", "swift", "gcs", "azure"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "folder":
        yield open_store(str(tmp_path / "root"))
    elif request.param == "memory":
        yield open_store(f"memory://{uuid.uuid4()}/root")
    else:
        running: object_store.ObjectStore = request.getfixturevalue(f"{request.param}_store")
        with object_store.reached(running):
            if request.param in cloud_emulators.KINDS:
                yield open_store(f"{cloud_emulators.new_bucket(running)}/root")
            else:
                yield open_store(f"s3://{object_store.new_bucket(running)}/root")
