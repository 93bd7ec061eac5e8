"""Fixtures for what runs by itself: an upstream server, an instance on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from imagetl_assets_tests.pipeline.conftest import cluster, shell
from testbed import http_server
from testbed.pipeline import Pipeline

__all__ = ["cluster", "shell"]


@pytest.fixture
def server() -> Iterator[http_server.HttpServer]:
    with http_server.serve() as running:
        yield running


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    (tmp_path / "home").mkdir()
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield instance


@pytest.fixture
def pipeline(tmp_path: Path, server: http_server.HttpServer) -> Iterator[Pipeline]:
    with DagsterInstance.ephemeral() as instance:
        yield Pipeline(tmp_path / "storage", server.url, instance)
