"""A run on a cluster that a server of Dask Gateway starts for it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from dagster import DagsterInstance

from imagetl_assets_tests.dask_executor.jobs_graphs import diamond_job
from testbed.dagster_runs import run_error, run_job
from testbed.dask_gateway import dask_gateway
from testbed.processes import processes_of, wait_for

pytestmark = pytest.mark.skipif(
    not (find_spec("dask_gateway") and find_spec("dask_gateway_server")),
    reason="needs dask-gateway and dask-gateway-server: pip install -e '.[dev]'",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def gateway(folder: Path) -> Iterator[str]:
    with dask_gateway(folder) as address:
        yield address


@pytest.mark.parametrize(
    ("options", "config"), [({"n_workers": 1}, {}), ({}, {"adapt": {"maximum": 2}})]
)
def test_a_run_has_a_cluster_of_a_gateway_for_its_time(
    gateway: str,
    folder: Path,
    instance: DagsterInstance,
    options: dict[str, int],
    config: dict[str, object],
) -> None:
    cluster = {"gateway": {"address": gateway, **options}}
    run_config = {"execution": {"config": {"cluster": cluster, **config}}}
    with run_job(diamond_job, instance, run_config=run_config) as result:
        assert result.success
    wait_for(lambda: not [p for p in processes_of(folder) if "distributed" in str(p.cmdline())])


def test_a_gateway_that_does_not_answer_is_named(instance: DagsterInstance) -> None:
    cluster = {"gateway": {"address": "http://127.0.0.1:1", "n_workers": 1}}
    run_config = {"execution": {"config": {"cluster": cluster}}}
    with run_job(diamond_job, instance, run_config=run_config) as result:
        assert "A cluster of kind 'gateway' cannot be started: " in run_error(result)
        assert "127.0.0.1:1" in run_error(result)


@pytest.fixture(autouse=True)
def no_gateway_is_left() -> Iterator[None]:
    """Collected later, while Python compiles, `Gateway.__del__` would raise an error there."""
    yield
    gc.collect()
