"""The schedule, and what follows from a download that brought something new."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from dagster import (
    AssetKey,
    AutomationConditionSensorDefinition,
    DagsterInstance,
    DefaultSensorStatus,
    Definitions,
    build_schedule_context,
    evaluate_automation_conditions,
    in_process_executor,
)
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster._core.storage.tags import PARTITION_NAME_TAG

from imagetl_assets.definitions import define
from imagetl_assets.settings import AutomationSettings
from testbed import bundles
from testbed.http_server import HttpServer, file
from testbed.pipeline import Pipeline

RAW, FRAMES, FILES, CLIP = map(AssetKey, ("raw_data_file", "frames", "frame_files", "clip_gif"))


def test_a_run_of_the_download_for_each_known_file(instance: DagsterInstance) -> None:
    schedule = _definitions().resolve_schedule_def("nightly")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "UTC")
    assert schedule.job_name == "image_etl"
    moment = datetime(2026, 1, 2, 2, tzinfo=timezone.utc)
    context = build_schedule_context(instance, scheduled_execution_time=moment)
    assert "no partitions" in str(schedule.evaluate_tick(context).skip_message)
    instance.add_dynamic_partitions("upstream_files", ["a.img", "b.img"])
    context = build_schedule_context(
        instance,
        scheduled_execution_time=moment,
        repository_def=_definitions().get_repository_def(),
    )
    requests = schedule.evaluate_tick(context).run_requests or []
    assert [request.partition_key for request in requests] == ["a.img", "b.img"]
    assert all(request.asset_selection == [RAW] for request in requests)
    assert len({request.run_key for request in requests}) == 2


def test_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGETL_CRON", "*/5 * * * *")
    monkeypatch.setenv("IMAGETL_TIMEZONE", "Europe/Berlin")
    schedule = _definitions(AutomationSettings.from_environment()).resolve_schedule_def("nightly")
    assert schedule.cron_schedule == "*/5 * * * *"
    assert schedule.execution_timezone == "Europe/Berlin"
    monkeypatch.setenv("IMAGETL_RUNS_PER_TICK", "many")
    with pytest.raises(ValueError, match="IMAGETL_RUNS_PER_TICK is 'many'"):
        AutomationSettings.from_environment()


def test_conditions_are_evaluated_and_clips_have_a_freshness_policy() -> None:
    definitions = _definitions()
    sensor = definitions.resolve_sensor_def("keep_up_to_date")
    assert isinstance(sensor, AutomationConditionSensorDefinition)
    assert sensor.default_status is DefaultSensorStatus.RUNNING
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    assert specs[CLIP].freshness_policy is not None
    assert specs[RAW].automation_condition is None


class Automation:
    """Evaluates the conditions as the daemon does, with the cursor kept in between."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.definitions = define(str(pipeline.root), pipeline.upstream, in_process_executor)
        self.cursor: AssetDaemonCursor | None = None
        self.requested()

    def requested(self) -> dict[AssetKey, set[str]]:
        result = evaluate_automation_conditions(
            self.definitions, instance=self.pipeline.instance, cursor=self.cursor
        )
        self.cursor = result.cursor
        keys = {key: result.get_requested_partitions(key) for key in (RAW, FRAMES, FILES, CLIP)}
        return {key: {str(p) for p in found} for key, found in keys.items() if found}

    def download(self, partition: str) -> bool:
        """Do what the schedule asks for."""
        job = self.definitions.resolve_job_def("image_etl").get_subset(asset_selection={RAW})
        return job.execute_in_process(
            instance=self.pipeline.instance,
            tags={PARTITION_NAME_TAG: partition},
            raise_on_error=False,
        ).success


@pytest.fixture
def automation(pipeline: Pipeline, server: HttpServer) -> Automation:
    """Of one file, `a.img`, of which everything is up to date."""
    server.add_file("/a.img", bundles.small_bundle())
    assert pipeline.run("a.img").success
    return Automation(pipeline)


def test_an_unchanged_file_costs_one_request_and_recomputes_nothing(
    server: HttpServer, automation: Automation
) -> None:
    assert automation.download("a.img")
    assert server.requests[1:] == [("/a.img", 304)]
    assert automation.requested() == {}
    assert automation.requested() == {}


def test_a_changed_file_brings_the_rest_up_to_date(pipeline: Pipeline, server: HttpServer) -> None:
    for name in ("/a.img", "/b.img"):
        server.add_file(name, bundles.small_bundle())
    assert pipeline.run("a.img").success
    assert pipeline.run("b.img").success
    automation = Automation(pipeline)
    server.answers["/a.img"] = file(bundles.small_bundle(5))
    assert automation.download("a.img")
    assert automation.download("b.img")
    assert automation.requested() == {}  # the download may be the first step of a run that goes on
    assert automation.requested() == {FRAMES: {"a.img"}, FILES: {"a.img"}, CLIP: {"a.img"}}
    assert pipeline.run("a.img").success
    assert automation.requested() == {}


def test_a_run_that_is_seen_halfway_leaves_nothing_to_do(
    pipeline: Pipeline, server: HttpServer, automation: Automation
) -> None:
    server.answers["/a.img"] = file(bundles.small_bundle(5))
    assert automation.download("a.img")
    assert automation.requested() == {}
    assert pipeline.run("a.img").success
    assert automation.requested() == {}
    assert automation.requested() == {}


def test_a_run_of_all_assets_leaves_nothing_to_do(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/a.img", bundles.small_bundle())
    automation = Automation(pipeline)
    assert pipeline.run("a.img").success
    assert automation.requested() == {}
    assert automation.requested() == {}


def test_what_failed_is_not_repeated_until_there_is_something_new(
    pipeline: Pipeline, server: HttpServer, automation: Automation
) -> None:
    server.answers["/a.img"] = file(bundles.damaged_bundle()[0])
    assert not pipeline.run("a.img").success
    assert automation.requested() == {}
    assert automation.requested() == {}
    server.answers["/a.img"] = file(bundles.small_bundle(5))
    assert automation.download("a.img")
    assert automation.requested() == {}
    assert FRAMES in automation.requested()


def _definitions(settings: AutomationSettings | None = None) -> Definitions:
    return define("storage", "upstream", in_process_executor, settings)
