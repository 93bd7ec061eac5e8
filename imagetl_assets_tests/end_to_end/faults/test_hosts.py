"""The pipeline on hosts that share nothing but addresses: bucket to bucket, over PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from dagster import DagsterEventType, DagsterInstance

from imagetl_assets.sample import sample_bytes
from imagetl_assets.storage import Store, open_store
from imagetl_assets_tests.end_to_end.faults.deployment import (
    PATIENCE,
    Deployment,
    write_dagster_yaml,
)
from testbed import bundles, object_store
from testbed.dask_cluster import DaskProcesses
from testbed.histories import events
from testbed.hosts import Network, loopback, network
from testbed.pipeline import Pipeline
from testbed.postgres import postgres
from testbed.shell import Cluster, Shell

pytestmark = pytest.mark.timeout(900)
FILE = "all-images.img"


@pytest.fixture(scope="module", params=[network, loopback], ids=lambda way: way.__name__)
def net(request: pytest.FixtureRequest) -> Iterator[Network]:
    with request.param(2) as hosts:
        yield hosts


def bundle() -> bytes:
    """The real one where it is at hand."""
    return bundles.REAL_BUNDLE.read_bytes() if bundles.REAL_BUNDLE.exists() else sample_bytes(27)


@contextmanager
def deployed_on(net: Network, folder: Path) -> Iterator[tuple[Deployment, Store]]:
    """A worker on each host; yields also where the results go."""
    home = folder / "home"
    home.mkdir()
    with ExitStack() as stack:
        store = stack.enter_context(object_store.moto(folder / "moto", host=net.address))
        stack.enter_context(object_store.reached(store))
        bucket = object_store.new_bucket(store)
        open_store(f"s3://{bucket}/upstream").write(FILE, bundle())
        settings = {
            **store.settings,
            "IMAGETL_UPSTREAM": f"s3://{bucket}/upstream",
            "IMAGETL_STORAGE": f"s3://{bucket}/results",
        }
        database = stack.enter_context(postgres(net.address))
        write_dagster_yaml(home, {"storage": database.storage})
        dask = start_dask(net, folder, home, settings, stack)
        shell = Shell(home, S3Cluster(dask.address, settings))
        with DagsterInstance.from_config(str(home)) as instance:
            yield Deployment(dask, shell, instance), open_store(f"s3://{bucket}/results")


class S3Cluster(Cluster):
    """Whose files come from a bucket, and go to one."""

    def __init__(self, address: str, settings: dict[str, str]) -> None:
        super().__init__(address, Path(), Path())
        self._settings = settings

    @property
    def settings(self) -> dict[str, str]:
        return self._settings


def start_dask(
    net: Network, folder: Path, home: Path, settings: dict[str, str], stack: ExitStack
) -> DaskProcesses:
    """A scheduler that is reached by address, and workers with folders of their own."""
    (folder / "scheduler").mkdir()
    dask = DaskProcesses(folder / "scheduler")
    stack.callback(dask.stop)
    dask.start_scheduler(net.address)
    for host in net.hosts:
        (folder / host.name).mkdir()
        there = DaskProcesses(folder / host.name, dask.address)
        stack.callback(there.stop)
        where, prefix = f"--host={host.address}", host.prefix(hidden=home)
        there.start_workers(1, where, env=settings, prefix=prefix)
    return dask


def test_the_result_is_that_of_one_machine(net: Network, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(bundle())
    with DagsterInstance.ephemeral() as instance:
        local = Pipeline(tmp_path / "local", str(tmp_path), instance)
        assert local.run(frames={"frames_per_step": 1}).success
    with deployed_on(net, tmp_path) as (deployed, results):
        config = tmp_path / "run.yaml"
        config.write_text("ops: {frames: {config: {frames_per_step: 1}}}")
        assert deployed.start_run(config).wait(PATIENCE) == 0
        names = local.frame_names()
        stored = results.read_many([f"{FILE}/frames/{name}" for name in names])
        assert list(stored) == [local.file(f"frames/{name}").read_bytes() for name in names]
        for name in ("clip.gif", "image-data.img"):
            assert results.read(f"{FILE}/{name}") == local.file(name).read_bytes()
        assert deployed.frames_stored() == len(names)
        assert hosts_of(deployed) == {host.address for host in net.hosts}
        assert not any("differs" in message for message in told(deployed))


def hosts_of(deployed: Deployment) -> set[str | None]:
    """Where the steps of the latest run were run."""
    return {
        urlsplit(str(event.engine_event_data.metadata["dask_worker_address"].value)).hostname
        for event in events(deployed.instance, deployed.latest_run.run_id)
        if event.event_type is DagsterEventType.ENGINE_EVENT
        and "dask_worker" in event.engine_event_data.metadata
    }


def told(deployed: Deployment) -> list[str]:
    run_id = deployed.latest_run.run_id
    return [str(event.message) for event in events(deployed.instance, run_id)]
