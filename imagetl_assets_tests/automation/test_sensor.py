"""The sensor as the daemon evaluates it, tick after tick, on a real folder or server."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    SensorDefinition,
    build_sensor_context,
    in_process_executor,
)
from dagster._core.definitions.sensor_definition import SensorExecutionData

from imagetl_assets.definitions import define
from imagetl_assets.settings import AutomationSettings
from testbed.http_server import HttpServer, file, serve, status


class Ticker:
    """Evaluates a sensor, which remembers nothing but its cursor."""

    def __init__(self, instance: DagsterInstance, upstream: str, limit: int = 25) -> None:
        self.instance = instance
        self.settings = AutomationSettings(runs_per_tick=limit)
        self.upstream = upstream
        self.cursor: str | None = None

    @property
    def sensor(self) -> SensorDefinition:
        defs = define("storage", self.upstream, in_process_executor, self.settings)
        return defs.resolve_sensor_def("new_upstream_files")

    def tick(self) -> SensorExecutionData:
        """Do what the daemon does with one evaluation, but for starting runs."""
        defs = define("storage", self.upstream, in_process_executor, self.settings)
        context = build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=defs.get_repository_def(),
        )
        data = defs.resolve_sensor_def("new_upstream_files").evaluate_tick(context)
        for request in data.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(
                request.partitions_def_name, list(request.partition_keys)
            )
        self.cursor = data.cursor
        return data

    def run_keys(self) -> list[str]:
        requests = self.tick().run_requests or []
        return [request.run_key or "" for request in requests]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "upstream"
    path.mkdir()
    return path


def test_a_dropped_file_gets_its_partition_and_one_run(
    instance: DagsterInstance, folder: Path
) -> None:
    ticker = Ticker(instance, str(folder))
    assert "0 files" in str(ticker.tick().skip_message)
    (folder / "ünï code.img").write_bytes(b"x")
    assert "1 of them waiting" in str(ticker.tick().skip_message)
    (request,) = ticker.tick().run_requests or []
    assert request.partition_key == "ünï code.img"
    assert request.tags["dagster/partition"] == "ünï code.img"
    assert ticker.sensor.job_name == "image_etl"
    assert instance.get_dynamic_partitions("upstream_files") == ["ünï code.img"]
    assert ticker.run_keys() == []


def test_a_changed_file_gets_another_run_key(instance: DagsterInstance, folder: Path) -> None:
    ticker = Ticker(instance, str(folder))
    keys = []
    for data in (b"1", b"22"):
        (folder / "a.img").write_bytes(data)
        ticker.tick()
        keys += ticker.run_keys()
    assert len(set(keys)) == 2
    assert all(key.startswith("a.img@") for key in keys)


def test_a_lost_cursor_gives_the_same_run_keys(instance: DagsterInstance, folder: Path) -> None:
    """The daemon starts no run twice for one run key, so none is lost and none is twice."""
    (folder / "a.img").write_bytes(b"x")
    ticker = Ticker(instance, str(folder))
    ticker.tick()
    first = ticker.run_keys()
    ticker.cursor = None
    ticker.tick()
    assert ticker.run_keys() == first


def test_the_limit_per_tick(instance: DagsterInstance, folder: Path) -> None:
    for i in range(7):
        (folder / f"{i}.img").write_bytes(b"x")
    ticker = Ticker(instance, str(folder), limit=3)
    assert [len(ticker.run_keys()) for _ in range(5)] == [0, 3, 3, 1, 0]


def test_ten_thousand_files_in_one_tick(instance: DagsterInstance, folder: Path) -> None:
    for i in range(10_000):
        (folder / f"{i}.img").touch()
    ticker = Ticker(instance, str(folder))
    started = time.monotonic()
    ticker.tick()
    assert time.monotonic() - started < 5
    assert len(ticker.run_keys()) == 25
    assert ticker.cursor is not None
    assert len(ticker.cursor) < 1_000_000


def test_an_upstream_that_is_away_is_a_skip_and_loses_nothing(
    instance: DagsterInstance, folder: Path
) -> None:
    (folder / "a.img").write_bytes(b"x")
    ticker = Ticker(instance, str(folder))
    ticker.tick()
    folder.rename(folder.with_name("away"))
    cursor = ticker.cursor
    away = ticker.tick()
    assert "does not answer" in str(away.skip_message)
    assert away.cursor == cursor
    folder.with_name("away").rename(folder)
    assert len(ticker.run_keys()) == 1


def test_a_name_that_cannot_be_a_folder_is_left_alone(
    instance: DagsterInstance, folder: Path
) -> None:
    (folder / "a\\b.img").write_bytes(b"x")
    (folder / "good.img").write_bytes(b"x")
    ticker = Ticker(instance, str(folder))
    ticker.tick()
    assert [key.partition("@")[0] for key in ticker.run_keys()] == ["good.img"]


def test_a_vanished_file_is_reported_and_its_partition_kept(
    instance: DagsterInstance, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.img").write_bytes(b"x")
    ticker = Ticker(instance, str(folder))
    ticker.tick()
    ticker.tick()
    (folder / "a.img").unlink()
    assert ticker.run_keys() == []
    assert instance.get_dynamic_partitions("upstream_files") == ["a.img"]
    assert "a.img has vanished" in capfd.readouterr().err


def test_known_files_of_a_server_are_revalidated(
    instance: DagsterInstance, server: HttpServer
) -> None:
    instance.add_dynamic_partitions("upstream_files", ["a.img", "b.img"])
    server.add_file("/a.img", b"1")
    server.add_file("/b.img", b"1")
    ticker = Ticker(instance, server.url)
    ticker.tick()
    assert len(ticker.run_keys()) == 2
    server.answers["/a.img"] = file(b"2")
    ticker.tick()
    assert [key.partition("@")[0] for key in ticker.run_keys()] == ["a.img"]
    assert server.methods == {"HEAD"}
    server.answers["/a.img"] = server.answers["/b.img"] = status(500)
    assert "answers with status 500" in str(ticker.tick().skip_message)


def test_no_secret_is_in_the_reason(instance: DagsterInstance) -> None:
    with serve() as server:
        url = server.url.replace("//", "//user:s3cret@")
    instance.add_dynamic_partitions("upstream_files", ["a.img"])
    reason = str(Ticker(instance, f"{url}?sig=s3cret").tick().skip_message)
    assert "connection refused" in reason
    assert "s3cret" not in reason


def test_it_is_on_where_looking_costs_nothing(instance: DagsterInstance, folder: Path) -> None:
    def state(upstream: str) -> DefaultSensorStatus:
        return Ticker(instance, upstream).sensor.default_status

    assert state(str(folder)) is DefaultSensorStatus.RUNNING
    assert state(folder.as_uri()) is DefaultSensorStatus.RUNNING
    assert state("https://example.org") is DefaultSensorStatus.STOPPED
    assert state("s3://bucket/prefix") is DefaultSensorStatus.STOPPED
