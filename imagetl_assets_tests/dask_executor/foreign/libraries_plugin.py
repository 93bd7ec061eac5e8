"""A plugin of pytest for the tests of dagster-dask and dagster-celery; see `libraries`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from imagetl_assets_tests.dask_executor.foreign.libraries import DIFFERING
from testbed.dagster_runs import local_instance


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what the libraries skip with their own executors, too, and expect what differs."""
    for item in items:
        item.own_markers[:] = [mark for mark in item.own_markers if mark.name != "skip"]
        for test, reason in DIFFERING.items():
            if item.nodeid.endswith(test):
                item.add_marker(pytest.mark.xfail(strict=True, reason=reason))


@pytest.fixture
def tempdir() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield folder


@pytest.fixture
def instance(tempdir: str) -> Iterator[DagsterInstance]:
    with local_instance(Path(tempdir)) as instance:
        yield instance


@pytest.fixture
def dagster_celery_worker() -> None:
    """There is nothing to start: each run starts its own Dask workers."""
