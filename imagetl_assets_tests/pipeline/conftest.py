"""Fixtures for the pipeline: an upstream server, and runs of the job without a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, ExecuteInProcessResult, in_process_executor
from dagster._core.storage.tags import PARTITION_NAME_TAG

from imagetl_assets_tests.pipeline import http_server, object_store, processes


@pytest.fixture
def server() -> Iterator[http_server.HttpServer]:
    with http_server.serve() as running:
        yield running


@dataclass
class Outcome:
    """How a run ended."""

    result: ExecuteInProcessResult

    @property
    def success(self) -> bool:
        return self.result.success

    @property
    def failure(self) -> str:
        """The description of the one step failure."""
        (event,) = self.result.get_step_failure_events()
        data = event.step_failure_data
        assert data.user_failure_data is not None, data.error
        return data.user_failure_data.description or ""

    @property
    def failed_step(self) -> str | None:
        (event,) = self.result.get_step_failure_events()
        return event.step_key

    def metadata(self, asset: str) -> dict[str, Any]:
        (event,) = self.result.asset_materializations_for_node(_NODES[asset])[-1:]
        return {name: value.value for name, value in event.metadata.items()}


_NODES = {
    "raw_data_file": "raw_data_file",
    "frames": "frames.find_frames",
    "frame_files": "frames.collect_frames",
    "clip_gif": "clip_gif",
}


@dataclass
class Pipeline:
    """Runs the job in this process, with storage in a folder of the test."""

    root: Path
    upstream: str
    instance: DagsterInstance
    storage: str = field(default="")

    def run(
        self,
        partition: str | None = None,
        *,
        raw: dict[str, Any] | None = None,
        frames: dict[str, Any] | None = None,
        clip: dict[str, Any] | None = None,
    ) -> Outcome:
        """Run the job; the arguments are the config of its parts."""
        from imagetl_assets.definitions import define

        definitions = define(self.storage or str(self.root), self.upstream, in_process_executor)
        ops = {"raw_data_file": raw, "frames": frames, "clip_gif": clip}
        config: dict[str, Any] = {
            "ops": {name: {"config": value} for name, value in ops.items() if value},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        }
        job = definitions.resolve_job_def("image_etl")
        tags = {PARTITION_NAME_TAG: partition} if partition else {}
        return Outcome(
            job.execute_in_process(
                run_config=config,
                instance=self.instance,
                tags={**job.run_tags, **tags},
                raise_on_error=False,
            )
        )

    def file(self, name: str, partition: str = "all-images.img") -> Path:
        return self.root / partition / name

    def frame_names(self, partition: str = "all-images.img") -> list[str]:
        return sorted(path.name for path in self.file("frames", partition).iterdir())


@pytest.fixture
def pipeline(tmp_path: Path, server: http_server.HttpServer) -> Iterator[Pipeline]:
    with DagsterInstance.ephemeral() as instance:
        yield Pipeline(tmp_path / "storage", server.url, instance)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Cluster]:
    with processes.cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path, cluster: processes.Cluster) -> processes.Shell:
    """A fresh instance, of which nothing is known."""
    (tmp_path / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        "run_coordinator:\n"
        "  {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}\n"
    )
    return processes.Shell(tmp_path, cluster)


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


@contextmanager
def _started_store(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[object_store.ObjectStore]:
    if problem := object_store.missing(kind):
        pytest.skip(f"no object store of kind {kind}: {problem}")
    with object_store.KINDS[kind](tmp_path_factory.mktemp(kind), 0) as store:
        yield store
