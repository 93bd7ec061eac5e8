"""Fixtures for the tests of upstream files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from testbed import http_server
from testbed.pipeline import Pipeline


@pytest.fixture
def server() -> Iterator[http_server.HttpServer]:
    with http_server.serve() as running:
        yield running


@pytest.fixture
def pipeline(tmp_path: Path, server: http_server.HttpServer) -> Iterator[Pipeline]:
    with DagsterInstance.ephemeral() as instance:
        yield Pipeline(tmp_path / "storage", server.url, instance)
