"""Assets: partitions, checks, selections, and what is recorded of their versions."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    DagsterEventType,
    DagsterInstance,
    JobDefinition,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from imagetl_assets_tests.dask_executor import jobs_assets as jobs
from testbed.dagster_runs import Marks, local_instance, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import events, histories, steps_that

START = DagsterEventType.STEP_START


def materializations(
    instance: DagsterInstance, run_id: str
) -> dict[tuple[str, str | None], AssetMaterialization]:
    """What a run recorded, by asset and partition."""
    found = {}
    for event in events(instance, run_id):
        if event.event_type == DagsterEventType.ASSET_MATERIALIZATION:
            recorded = event.step_materialization_data.materialization
            key = (recorded.asset_key.to_user_string(), recorded.partition)
            assert key not in found, "recorded twice"
            found[key] = recorded
    return found


# Versions


def recorded_tags(
    job: Callable[[], JobDefinition], instance: DagsterInstance, run_config: dict[str, Any]
) -> list[dict[Any, Any]]:
    """The tags of all that two runs recorded; the second makes other versions than the first."""
    found = []
    for version in ("one", "two"):
        with run_job(job, instance, run_config=run_config, tags={"version": version}) as result:
            assert result.success
            recorded = materializations(instance, result.run_id)
        found.append({asset: each.tags for asset, each in recorded.items()})
    return found


def test_versions_and_provenance_are_those_that_the_multiprocess_executor_records(
    cluster: DaskProcesses, instance: DagsterInstance, tmp_path: Path, empty_home: Path
) -> None:
    on_dask = recorded_tags(jobs.versions_job, instance, cluster.run_config())
    with local_instance(Path(shutil.copytree(empty_home, tmp_path / "other"))) as other:
        forkserver = {"forkserver": {"preload_modules": [jobs.__name__]}}
        config = {"execution": {"config": {"start_method": forkserver}}}
        multiprocess = recorded_tags(jobs.versions_multiprocess_job, other, config)
    assert on_dask == multiprocess
    first, second = on_dask
    assert set(first) == {(name, None) for name in jobs.VERSIONED}
    assert first[("second", None)]["dagster/input_data_version/first"] == "one"
    assert second[("second", None)]["dagster/input_data_version/first"] == "two"


# Selections


def test_an_asset_selection_materializes_only_the_selected_assets(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    config = cluster.run_config()
    with run_job(jobs.versions_job, instance, run_config=config) as result:
        assert result.success
    selection = [AssetKey("doubled"), AssetKey("second")]
    with run_job(
        jobs.versions_job, instance, run_config=config, asset_selection=selection
    ) as result:
        assert result.success
        assert set(materializations(instance, result.run_id)) == {
            ("doubled", None),
            ("second", None),
        }


# Partitions


def test_a_run_of_one_partition_is_recorded_as_that_partition(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    tags = {**marks.tags, PARTITION_NAME_TAG: "b"}
    with run_job(jobs.letters_job, instance, run_config=cluster.run_config(), tags=tags) as result:
        assert result.success
        assert set(materializations(instance, result.run_id)) == {("letters", "b"), ("words", "b")}
        assert marks.of("letters") == marks.of("words") == ["b"]


def test_a_run_of_a_partition_range_runs_each_asset_once_for_all_partitions(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    tags = {ASSET_PARTITION_RANGE_START_TAG: "b", ASSET_PARTITION_RANGE_END_TAG: "d"}
    with run_job(
        jobs.letters_job,
        instance,
        run_config=cluster.run_config(),
        tags={**marks.tags, **tags},
    ) as result:
        assert result.success
        recorded = set(materializations(instance, result.run_id))
        assert recorded == {(name, part) for name in ("letters", "words") for part in "bcd"}
        assert marks.of("letters") == marks.of("words") == ["b,c,d"]


def test_dynamic_partitions_each_keep_their_own_value(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    instance.add_dynamic_partitions("files", ["x.img", "longer.img"])
    for partition in ("x.img", "longer.img"):
        with run_job(
            jobs.files_job,
            instance,
            run_config=cluster.run_config(),
            tags={PARTITION_NAME_TAG: partition},
        ) as result:
            assert result.success
            recorded = materializations(instance, result.run_id)
            assert set(recorded) == {("file", partition), ("file_size", partition)}
            assert recorded["file_size", partition].metadata["size"].value == len(partition)


# Checks


@pytest.mark.parametrize("passed", ["yes", "no"])
def test_a_blocking_check_gates_downstream_and_another_does_not(
    passed: str, cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    with run_job(
        jobs.checks_job, instance, run_config=cluster.run_config(), tags={"passed": passed}
    ) as result:
        assert result.success == (passed == "yes")
        evaluations = {
            evaluation.check_name: evaluation.passed
            for evaluation in result.get_asset_check_evaluations()
        }
        assert evaluations == {
            "blocks": passed == "yes",
            "does_not_block": False,
            "fails_without_blocking": False,
        }
        started = steps_that(START, instance, result.run_id)
        assert ("gated" in started) == (passed == "yes")
        assert "not_gated" in started


def test_steps_of_assets_and_checks_have_the_histories_that_they_have_in_process(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    tags = {"passed": "no"}
    with DagsterInstance.ephemeral() as other:
        in_process = jobs.checks_job().execute_in_process(
            instance=other, tags=tags, raise_on_error=False
        )
        expected = histories(other, in_process.run_id)
    with run_job(jobs.checks_job, instance, run_config=cluster.run_config(), tags=tags) as result:
        assert histories(instance, result.run_id) == expected
