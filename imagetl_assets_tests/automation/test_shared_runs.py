"""Runs over several files, which the sensor requests if very many files are new."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import DagsterInstance, RunsFilter, in_process_executor
from dagster._core.storage.tags import RUN_KEY_TAG

from imagetl_assets.definitions import define
from imagetl_assets_tests.automation.ticker import Ticker
from testbed.bundles import small_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "upstream"
    path.mkdir()
    return path


def test_very_many_new_files_share_runs(instance: DagsterInstance, folder: Path) -> None:
    """A run is about a range of partitions; it really takes each of its files to a clip."""
    for i in range(7):
        (folder / f"{i}.img").write_bytes(small_bundle())
    ticker = Ticker(instance, str(folder), limit=2, files=3)
    ticker.tick()
    requests = ticker.tick().run_requests or []
    assert [request.job_name for request in requests] == ["image_etl_several"] * 2
    assert all("dagster/partition" not in request.tags for request in requests)
    job = define(ticker.storage, str(folder), in_process_executor).resolve_job_def(
        "image_etl_several"
    )
    for request in requests:
        tags = {**job.run_tags, **request.tags, RUN_KEY_TAG: request.run_key or ""}
        assert job.execute_in_process(instance=instance, tags=tags).success
    clips = sorted(path.parent.name for path in Path(ticker.storage).glob("*/clip.gif"))
    assert clips == [f"{i}.img" for i in range(6)]
    assert [key.partition("@")[0] for key in ticker.started_in(3)] == ["6.img"]


def test_a_file_that_failed_in_a_run_over_several_has_a_run_of_its_own(
    instance: DagsterInstance, folder: Path
) -> None:
    for i in range(4):
        (folder / f"{i}.img").write_bytes(b"x" if i == 2 else small_bundle())
    ticker = Ticker(instance, str(folder), limit=3, files=4)
    ticker.tick()
    (request,) = ticker.tick().run_requests or []
    job = define(ticker.storage, str(folder), in_process_executor).resolve_job_def(
        "image_etl_several"
    )
    tags = {**job.run_tags, **request.tags, RUN_KEY_TAG: request.run_key or ""}
    done = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    assert not done.success
    assert [key.partition("@")[0] for key in ticker.started_in(3)] == ["2.img"]


def test_all_files_of_a_run_over_several_that_was_killed_have_runs_of_their_own(
    instance: DagsterInstance, folder: Path
) -> None:
    for i in range(4):
        (folder / f"{i}.img").write_bytes(b"x")
    ticker = Ticker(instance, str(folder), limit=3, files=4)
    (key,) = ticker.started_in(2)
    assert ticker.started_in(3) == []
    (run,) = instance.get_runs(RunsFilter(tags={RUN_KEY_TAG: key}))
    instance.report_run_failed(run)
    names = [key.partition("@")[0] for key in ticker.started_in(3)]
    assert names == ["0.img", "1.img", "2.img", "3.img"]
