"""A step finds in the event log what it has done before it looks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from dagster import AssetCheckKey, AssetKey, DagsterEventType, DagsterInstance, JobDefinition

from imagetl_assets_tests.dask_executor import jobs_reading as jobs
from testbed.dagster_runs import run_job
from testbed.dask_cluster import DaskProcesses


def test_a_step_that_reads_the_event_log_finds_what_it_has_done(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    with run_job(jobs.reading_job, instance, run_config=cluster.run_config()) as result:
        found = result.output_for_node("reads_what_it_did")
    assert found == dict.fromkeys(found, True)
    assert len(found) == 9


def test_a_step_finds_the_storage_of_the_state_of_definitions(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    pytest.importorskip("dagster._core.storage.defs_state.base", reason="Dagster has none yet")
    with run_job(jobs.state_job, instance, run_config=cluster.run_config()) as result:
        found = result.output_for_node("finds_the_state_storage")
    assert found == type(instance.defs_state_storage).__name__ != "NoneType"


@pytest.mark.parametrize("on", [jobs.letters_on_dask, jobs.letters_in_process])
def test_a_check_of_a_partitioned_asset_is_about_the_materialization_of_its_own_run(
    on: Callable[[], JobDefinition], cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    for partition in ("a", "b", "a"):
        config = cluster.run_config() if on is jobs.letters_on_dask else {}
        tags = {"dagster/partition": partition}
        with run_job(on, instance, run_config=config, tags=tags) as result:
            assert result.success
        assert target_run(instance, "checked_letter") == result.run_id


def test_a_check_of_an_asset_without_partitions_is_about_its_own_run(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    for _ in range(2):
        with run_job(jobs.whole_on_dask, instance, run_config=cluster.run_config()) as result:
            assert result.success
        assert target_run(instance, "checked_whole") == result.run_id


def target_run(instance: DagsterInstance, asset: str) -> str | None:
    """The run whose materialization the latest evaluation of an asset's check is about."""
    key = AssetCheckKey(AssetKey(asset), "is_good")
    (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.event is not None
    event = record.event.get_dagster_event()
    assert event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION
    target = event.asset_check_evaluation_data.target_materialization_data
    return target.run_id if target else None
