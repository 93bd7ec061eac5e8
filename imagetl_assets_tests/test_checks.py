"""The asset checks, on results that are as they should be and on spoiled ones."""

from __future__ import annotations

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckSeverity,
    AssetKey,
    AssetRecordsFilter,
    ExecuteInProcessResult,
    in_process_executor,
)
from dagster._core.storage.tags import PARTITION_NAME_TAG

from imagetl_assets.checks import checks
from imagetl_assets.definitions import define
from testbed import bundles
from testbed.http_server import HttpServer, file
from testbed.pipeline import Pipeline

KEYS = {key.name: key for check in checks for key in check.check_keys}


def evaluations(result: ExecuteInProcessResult) -> dict[str, AssetCheckEvaluation]:
    return {done.check_name: done for done in result.get_asset_check_evaluations()}


def evaluate(pipeline: Pipeline, name: str) -> AssetCheckEvaluation:
    """Run one check alone, as from the UI, on what is stored for `a.img`."""
    definitions = define(str(pipeline.root), pipeline.upstream, in_process_executor)
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.get_subset(asset_selection=set(), asset_check_selection={KEYS[name]})
    return evaluations(
        result.execute_in_process(
            instance=pipeline.instance, tags={PARTITION_NAME_TAG: "a.img"}, raise_on_error=False
        )
    )[name]


@pytest.fixture
def stored(pipeline: Pipeline, server: HttpServer) -> Pipeline:
    server.add_file("/a.img", bundles.small_bundle())
    assert pipeline.run("a.img").success
    return pipeline


def test_the_job_does_those_that_are_quick(stored: Pipeline) -> None:
    done = evaluations(stored.run("a.img").result)
    assert done.keys() == {"upstream_file_did_not_shrink", "no_frame_is_damaged"}
    assert all(check.passed and check.partition == "a.img" for check in done.values())


def test_another_job_does_those_that_read_everything(stored: Pipeline) -> None:
    definitions = define(str(stored.root), stored.upstream, in_process_executor)
    result = definitions.resolve_job_def("check_stored").execute_in_process(
        instance=stored.instance, tags={PARTITION_NAME_TAG: "a.img"}
    )
    done = evaluations(result)
    assert done.keys() == {"every_frame_is_stored", "clip_can_be_decoded"}
    assert all(check.passed and check.partition == "a.img" for check in done.values())


def test_a_frame_with_other_bytes(stored: Pipeline) -> None:
    stored.file("frames/frame_01.gif", "a.img").write_bytes(b"spoiled")
    check = evaluate(stored, "every_frame_is_stored")
    assert not check.passed
    assert check.severity is AssetCheckSeverity.ERROR
    assert "a.img: frame_01.gif has other bytes" in str(check.description)


def test_a_frame_that_is_missing(stored: Pipeline) -> None:
    stored.file("frames/frame_02.gif", "a.img").unlink()
    assert "is missing" in str(evaluate(stored, "every_frame_is_stored").description)


def test_no_clip_is_made_of_frames_that_are_wrong(stored: Pipeline) -> None:
    stored.file("frames/frame_02.gif", "a.img").unlink()
    clip = stored.file("clip.gif", "a.img")
    clip.unlink()
    definitions = define(str(stored.root), stored.upstream, in_process_executor)
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection={AssetKey("clip_gif")},
        asset_check_selection={AssetCheckKey(AssetKey("frame_files"), "every_frame_is_stored")},
    )
    result = job.execute_in_process(
        instance=stored.instance, tags={PARTITION_NAME_TAG: "a.img"}, raise_on_error=False
    )
    assert not result.success
    assert not clip.exists()


def test_a_clip_that_lost_its_end(stored: Pipeline) -> None:
    clip = stored.file("clip.gif", "a.img")
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) // 2])
    assert not evaluate(stored, "clip_can_be_decoded").passed
    clip.write_bytes(b"no clip")
    assert "cannot be decoded" in str(evaluate(stored, "clip_can_be_decoded").description)
    clip.unlink()
    assert not evaluate(stored, "clip_can_be_decoded").passed


def test_a_clip_with_other_frames(stored: Pipeline) -> None:
    stored.file("clip.gif", "a.img").write_bytes(bundles.tiny_frame(0))
    check = evaluate(stored, "clip_can_be_decoded")
    assert "(1, 8, 6), not (3, 8, 6)" in str(check.description)


def test_a_damaged_frame_that_was_skipped_is_a_warning(
    pipeline: Pipeline, server: HttpServer
) -> None:
    bundle, offset = bundles.damaged_bundle()
    server.add_file("/a.img", bundle)
    done = pipeline.run("a.img", frames={"on_damaged_frame": "skip"})
    assert done.success
    check = evaluations(done.result)["no_frame_is_damaged"]
    assert not check.passed
    assert check.severity is AssetCheckSeverity.WARN
    assert f"frame 1 at byte {offset:,}" in str(check.description)


def test_a_file_that_shrank_by_more_than_half_is_a_warning(
    stored: Pipeline, server: HttpServer
) -> None:
    for frames, passed in ((2, True), (9, True), (4, False), (4, True)):
        server.answers["/a.img"] = file(bundles.small_bundle(frames))
        check = evaluations(stored.run("a.img").result)["upstream_file_did_not_shrink"]
        assert check.passed is passed, frames
        assert check.severity is AssetCheckSeverity.WARN


def latest_materialization(stored: Pipeline, check: AssetCheckEvaluation) -> int | None:
    """The one that an evaluation of a partition has to name, or the UI says it is missing."""
    if check.partition is None:
        return None
    wanted = AssetRecordsFilter(check.asset_key, asset_partitions=[check.partition])
    (record,) = stored.instance.fetch_materializations(wanted, limit=1).records
    return record.storage_id


def test_without_a_partition_they_look_at_all_that_is_stored(
    stored: Pipeline, server: HttpServer
) -> None:
    """As "Execute all" in the UI."""
    server.add_file("/b.img", bundles.small_bundle())
    assert stored.run("b.img").success
    stored.instance.add_dynamic_partitions("upstream_files", ["not-yet.img"])
    stored.file("clip.gif", "b.img").unlink()
    definitions = define(str(stored.root), stored.upstream, in_process_executor)
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.get_subset(
        asset_selection=set(), asset_check_selection=set(KEYS.values())
    ).execute_in_process(instance=stored.instance, raise_on_error=False)
    assert result.success
    told = result.get_asset_check_evaluations()
    passed = {(check.check_name, check.partition): check.passed for check in told}
    assert passed == {
        (name, key): name != "clip_can_be_decoded" or key == "a.img"
        for name in KEYS
        for key in ("a.img", "b.img", None)
    }
    for check in told:
        target = check.target_materialization_data
        assert (target and target.storage_id) == latest_materialization(stored, check)


def test_without_a_partition_and_with_nothing_stored(pipeline: Pipeline) -> None:
    definitions = define(str(pipeline.root), pipeline.upstream, in_process_executor)
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.get_subset(
        asset_selection=set(), asset_check_selection=set(KEYS.values())
    ).execute_in_process(instance=pipeline.instance, raise_on_error=False)
    assert result.success
    told = result.get_asset_check_evaluations()
    assert {check.check_name: check.passed for check in told} == dict.fromkeys(KEYS, True)
