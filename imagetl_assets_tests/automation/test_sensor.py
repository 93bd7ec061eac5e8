"""The sensor as the daemon evaluates it, tick after tick, on a real folder or server."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
)

from imagetl_assets.storage.filesystem import open_filesystem
from imagetl_assets_tests.automation.ticker import Ticker
from testbed import cloud_emulators
from testbed.http_server import HttpServer, file, serve, status
from testbed.object_store import ObjectStore, new_bucket, reached


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
    assert "1 waiting; new or changed" in str(ticker.tick().skip_message)
    (request,) = ticker.tick().run_requests or []
    assert request.partition_key == "ünï code.img"
    assert request.tags["dagster/partition"] == "ünï code.img"
    assert request.job_name == "image_etl"
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


def test_a_file_is_run_again_when_its_former_content_comes_back(
    instance: DagsterInstance, folder: Path
) -> None:
    """Even if the time comes back with it, as by `cp -p` and from archives."""
    ticker = Ticker(instance, str(folder))
    keys = []
    for number in (1, 2, 1):
        (folder / "a.img").write_bytes(bytes([number]))
        os.utime(folder / "a.img", (number, number))
        keys += ticker.started_in(3)
    assert len(set(keys)) == 3


def test_a_file_of_a_server_is_run_again_when_its_former_content_comes_back(
    instance: DagsterInstance, server: HttpServer
) -> None:
    instance.add_dynamic_partitions("upstream_files", ["a.img"])
    ticker = Ticker(instance, server.url)
    keys = []
    for content in (b"1", b"2", b"1"):
        server.add_file("/a.img", content)
        keys += ticker.started_in(3)
    assert len(set(keys)) == 3


@pytest.mark.parametrize("kind", ["moto", *cloud_emulators.KINDS])
def test_an_object_of_a_bucket_is_run_again_when_its_former_content_comes_back(
    instance: DagsterInstance, request: pytest.FixtureRequest, kind: str
) -> None:
    store: ObjectStore = request.getfixturevalue(f"{kind}_store")
    with reached(store):
        if kind == "moto":
            bucket = f"s3://{new_bucket(store)}"
        else:
            bucket = cloud_emulators.new_bucket(store)
        fs, path = open_filesystem(f"{bucket}/upstream")
        ticker = Ticker(instance, f"{bucket}/upstream")
        ticker.storage = f"{bucket}/results"
        keys = []
        for content in (b"1", b"2", b"1"):
            fs.pipe_file(f"{path}/a.img", content)
            keys += ticker.started_in(6)  # two would do; an emulator may fail to list at times
    assert len(set(keys)) == 3


@pytest.mark.parametrize("lost", ["cursor", "memory", "both", "an older cursor"])
def test_no_run_is_lost_and_none_is_made_twice_whatever_is_lost(
    instance: DagsterInstance, folder: Path, lost: str
) -> None:
    """Dagster starts one run for one run key, and its runs tell what the memory does not know."""
    for name in "abcdef":
        (folder / f"{name}.img").write_bytes(b"x")
    ticker = Ticker(instance, str(folder), limit=2)
    keys = ticker.started_in(2)
    older = ticker.cursor
    keys += ticker.started()
    assert len(keys) == 4
    if lost in ("cursor", "both"):
        ticker.cursor = None
    if lost in ("memory", "both"):
        shutil.rmtree(Path(ticker.storage, ".imagetl"))
    if lost == "an older cursor":
        ticker.cursor = older
    (folder / "a.img").write_bytes(b"another")
    keys += ticker.started_in(8)
    names = sorted(key.partition("@")[0] for key in keys)
    assert names == ["a.img", "a.img", "b.img", "c.img", "d.img", "e.img", "f.img"]
    assert len(set(keys)) == 7


def test_runs_that_were_not_created_are_requested_again(
    instance: DagsterInstance, folder: Path
) -> None:
    """The daemon is killed between the evaluation of a tick and its first run."""
    (folder / "a.img").write_bytes(b"x")
    ticker = Ticker(instance, str(folder))
    ticker.tick()
    before = ticker.cursor
    lost = ticker.run_keys()
    ticker.cursor = before
    assert ticker.started() == lost
    assert ticker.started_in(3) == []


def test_another_storage_has_its_own_runs(instance: DagsterInstance, folder: Path) -> None:
    (folder / "a.img").write_bytes(b"x")
    ticker = Ticker(instance, str(folder))
    assert len(ticker.started_in(3)) == 1
    ticker.storage = tempfile.mkdtemp()
    assert len(ticker.started_in(3)) == 1


def test_the_cursor_is_small_however_many_files_there_are(
    instance: DagsterInstance, folder: Path
) -> None:
    for i in range(3_000):
        (folder / f"{i}.img").touch()
    ticker = Ticker(instance, str(folder))
    for _ in range(3):
        ticker.tick()
        assert len(ticker.cursor or "") < 200


def test_links_are_followed_and_dangling_ones_named(
    instance: DagsterInstance, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there.img").write_bytes(b"x")
    (folder / "link.img").symlink_to(tmp_path / "there.img")
    (folder / "dangling.img").symlink_to(tmp_path / "gone.img")
    ticker = Ticker(instance, str(folder))
    assert "1 file, 1 waiting, 1 cannot be used" in str(ticker.tick().skip_message)
    assert "'dangling.img' is left alone: it is a link that leads nowhere" in capfd.readouterr().err
    assert [key.partition("@")[0] for key in ticker.started()] == ["link.img"]
    (tmp_path / "there.img").write_bytes(b"another")
    assert len(ticker.started_in(3)) == 1


def test_an_upstream_that_tells_sizes_only_is_said_to(
    instance: DagsterInstance, server: HttpServer, capfd: pytest.CaptureFixture[str]
) -> None:
    instance.add_dynamic_partitions("upstream_files", ["a.img"])
    server.add("/a.img", lambda request: request.reply(200, b"x"))
    ticker = Ticker(instance, server.url)
    told = "Of 1 files, the upstream tells the size only: a change that keeps the size is not seen"
    assert told in str(ticker.tick().skip_message)
    assert told in capfd.readouterr().err


def test_what_is_told_of_very_many_files_is_told_as_a_number(
    instance: DagsterInstance, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for i in range(50):
        (folder / f"{i}.img").symlink_to(folder / "gone")
    Ticker(instance, str(folder)).tick()
    err = capfd.readouterr().err
    assert err.count("is left alone") == 20
    assert "and 30 more lines of this kind" in err


def test_a_storage_that_is_away_is_a_skip_and_loses_nothing(
    instance: DagsterInstance, folder: Path
) -> None:
    (folder / "a.img").write_bytes(b"x")
    ticker = Ticker(instance, str(folder))
    ticker.tick()
    good, ticker.storage = ticker.storage, str(folder / "a.img" / "no-folder")
    assert "The storage does not answer" in str(ticker.tick().skip_message)
    ticker.storage = good
    assert len(ticker.started_in(2)) == 1


def test_the_limit_per_tick(instance: DagsterInstance, folder: Path) -> None:
    for i in range(7):
        (folder / f"{i}.img").write_bytes(b"x")
    ticker = Ticker(instance, str(folder), limit=3)
    assert [len(ticker.run_keys()) for _ in range(5)] == [0, 3, 3, 1, 0]


def test_ten_thousand_files(instance: DagsterInstance, folder: Path) -> None:
    for i in range(10_000):
        (folder / f"{i}.img").touch()
    ticker = Ticker(instance, str(folder))
    ticker.tick()
    assert len(ticker.run_keys()) == 25


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
