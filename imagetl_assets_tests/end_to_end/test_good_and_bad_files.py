"""A run over several files does those that are good, and names the others."""

from __future__ import annotations

import os

import pytest
from dagster import (
    AssetCheckKey,
    AssetKey,
    AssetRecordsFilter,
    DagsterInstance,
)

from imagetl_assets_tests.disks import mounted
from imagetl_assets_tests.end_to_end.test_several_files import (
    add_files,
    failure_of,
    run_job_for,
    run_range,
    whole_job,
)
from testbed import bundles
from testbed.http_server import HttpServer, file, status
from testbed.pipeline import Pipeline

ASSETS = ("raw_data_file", "frames", "frame_files", "clip_gif")


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the download be tried again at once."""
    import time

    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def done(pipeline: Pipeline, asset: str) -> set[str]:
    return set(pipeline.instance.get_materialized_partitions(AssetKey(asset)))


def reason(instance: DagsterInstance, asset: str, key: str) -> str:
    """Return what the page of the partition tells of its failure."""
    chosen = AssetRecordsFilter(AssetKey(asset), asset_partitions=[key])
    (record,) = instance.fetch_observations(chosen, limit=1).records
    assert record.asset_observation is not None
    return str(record.asset_observation.metadata["failed"].value)


def damaged() -> bytes:
    frames = [bundles.tiny_frame(0), bundles.bad_pixels(), bundles.tiny_frame(2)]
    return b"\n\n\n\n".join(frames)


def test_four_good_files_of_25(pipeline: Pipeline, server: HttpServer) -> None:
    names = add_files(pipeline, server, 25)
    good = {names[0], names[7], names[8], names[24]}
    for number, name in enumerate(names):
        if name not in good:
            answers = [status(404), file(damaged()), file(b"no bundle"), file(b"")]
            server.answers[f"/{name}"] = answers[number % 4]
    result = run_range(pipeline, names)
    assert not result.success
    assert failure_of(result).startswith("21 of 25 files failed: ")
    assert all(name in failure_of(result) for name in names if name not in good)
    assert not any(f"{name}" in failure_of(result) for name in good)
    assert "\n" not in failure_of(result)
    assert done(pipeline, "clip_gif") == done(pipeline, "frame_files") == good
    for name in good:
        assert pipeline.file("clip.gif", name).exists()
    assert "status 404" in reason(pipeline.instance, "raw_data_file", names[4])
    assert "is empty" in reason(pipeline.instance, "raw_data_file", names[3])
    assert "frame 1 at byte" in reason(pipeline.instance, "frame_files", names[1])


def test_a_file_that_was_good_keeps_its_results_and_does_not_turn_green(
    pipeline: Pipeline, server: HttpServer
) -> None:
    names = add_files(pipeline, server, 3)
    assert run_range(pipeline, names).success
    before = pipeline.file("clip.gif", "001.img").read_bytes()
    server.answers["/001.img"] = status(404)
    result = run_range(pipeline, names)
    assert "1 of 3 files failed: 001.img: " in failure_of(result)
    assert pipeline.file("clip.gif", "001.img").read_bytes() == before
    for asset in ASSETS:
        events = result.get_asset_materialization_events()
        made = {e.partition for e in events if e.asset_key == AssetKey(asset)}
        assert made == {"000.img", "002.img"}


def test_a_file_that_fails_later_has_what_came_before(
    pipeline: Pipeline, server: HttpServer
) -> None:
    names = add_files(pipeline, server, 3)
    server.answers["/001.img"] = file(damaged())
    assert "1 of 3 files failed: 001.img: frame 1 at byte" in failure_of(run_range(pipeline, names))
    assert done(pipeline, "frames") == set(names)
    assert done(pipeline, "frame_files") == done(pipeline, "clip_gif") == {"000.img", "002.img"}


def test_all_files_are_bad(pipeline: Pipeline, server: HttpServer) -> None:
    names = add_files(pipeline, server, 2)
    for name in names:
        server.answers[f"/{name}"] = status(404)
    result = run_range(pipeline, names)
    assert "2 of 2 files failed: 000.img: " in failure_of(result)
    assert not result.get_asset_materialization_events()


def test_only_what_failed_is_tried_again(pipeline: Pipeline, server: HttpServer) -> None:
    names = add_files(pipeline, server, 3)
    answers = iter([status(503), status(503), server.answers["/001.img"]])
    server.answers["/001.img"] = lambda handler: next(answers)(handler)
    assert run_range(pipeline, names).success
    asked = [path for path, _ in server.requests]
    assert asked.count("/001.img") == 3
    assert asked.count("/000.img") == asked.count("/002.img") == 1


def test_a_disk_that_is_full_half_way(pipeline: Pipeline, server: HttpServer) -> None:
    names = add_files(pipeline, server, 3)
    server.answers["/001.img"] = file(bundles.noise(9))
    size = f"size={len(bundles.noise(9)) * 3 // 2 // 1024}k"
    with mounted(pipeline.root / "001.img", size):
        result = run_range(pipeline, names)
        assert "1 of 3 files failed: 001.img: " in failure_of(result)
        assert "disk full" in failure_of(result)
    assert done(pipeline, "clip_gif") == {"000.img", "002.img"}
    assert run_range(pipeline, names).success


def test_an_asset_whose_upstream_asset_is_missing_for_one_file(
    pipeline: Pipeline, server: HttpServer
) -> None:
    names = add_files(pipeline, server, 3)
    assert run_range(pipeline, [names[0]]).success
    assert run_range(pipeline, [names[2]]).success
    assets = {AssetKey(name) for name in ("frames", "frame_files")}
    job = whole_job(pipeline).get_subset(asset_selection=assets)
    result = run_job_for(pipeline, names, job)
    assert "1 of 3 files failed: 001.img: there is no raw_data_file" in failure_of(result)
    made = {event.partition for event in result.get_asset_materialization_events()}
    assert made == {"000.img", "002.img"}


def test_one_asset_alone_fails_once_the_good_files_are_there(
    pipeline: Pipeline, server: HttpServer
) -> None:
    names = add_files(pipeline, server, 3)
    server.answers["/001.img"] = status(404)
    job = whole_job(pipeline).get_subset(asset_selection={AssetKey("raw_data_file")})
    result = run_job_for(pipeline, names, job)
    assert "1 of 3 files failed: 001.img" in failure_of(result)
    assert done(pipeline, "raw_data_file") == {"000.img", "002.img"}


def test_a_frame_that_is_spoilt_stops_only_its_own_file(
    pipeline: Pipeline, server: HttpServer
) -> None:
    """The check that blocks the clip lets those of the other files be made."""
    names = add_files(pipeline, server, 3)
    assert run_range(pipeline, names).success
    os.remove(pipeline.file("frames/frame_00.gif", "001.img"))
    check = AssetCheckKey(AssetKey("frame_files"), "every_frame_is_stored")
    job = whole_job(pipeline).get_subset(
        asset_selection={AssetKey("clip_gif")}, asset_check_selection={check}
    )
    result = run_job_for(pipeline, names, job)
    assert "1 of 3 files failed: 001.img: a frame from frame_00.gif" in failure_of(result)
    made = {event.partition for event in result.get_asset_materialization_events()}
    assert made == {"000.img", "002.img"}
    told = {e.partition: e.passed for e in result.get_asset_check_evaluations() if e.partition}
    assert told == {"000.img": True, "001.img": False, "002.img": True}
