"""Graph shapes, selections and re-execution: which steps run, and on what values."""

from typing import Any

import pytest
from dagster import DagsterEventType, DagsterInstance, JobDefinition, ReexecutionOptions

from imagetl_assets_tests.dask_executor import jobs_graphs as jobs
from imagetl_assets_tests.dask_executor.jobs import dynamic_job, static_job
from testbed.dagster_runs import Marks, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import run_on_dask_as_in_process, steps_that

START = DagsterEventType.STEP_START


def count(number: int) -> dict[str, Any]:
    """Config of op `numbers`."""
    return {"numbers": {"config": {"count": number}}}


@pytest.mark.parametrize(
    ("job", "output", "value"),
    [
        (jobs.diamond_job, "add", 4),
        (jobs.nested_job, "add", 6),
        (jobs.wide_job, "total", 2 * jobs.WIDTH),
    ],
    ids=["diamond", "nested graphs", "wide fan-out"],
)
def test_values_go_from_step_to_step(
    job: JobDefinition, output: str, value: int, cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    with run_job(job, instance, run_config=cluster.run_config()) as result:
        assert result.success
        assert result.output_for_node(output) == value


def test_dynamic_outputs_are_mapped_and_collected(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    config = {**cluster.run_config(), "ops": count(27)}
    with run_job(dynamic_job, instance, run_config=config) as result:
        assert result.success
        assert result.output_for_node("total") == 2 * sum(range(27))


@pytest.mark.parametrize("required", [True, False])
def test_a_step_whose_input_is_there_starts_although_its_source_failed_if_that_is_allowed(
    required: bool, cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    config = cluster.run_config(step_dependency_config={"require_upstream_step_success": required})
    with run_job(jobs.late_failure_job, instance, run_config=config, tags=marks.tags) as result:
        assert not result.success
        assert ("noted" in steps_that(START, instance, result.run_id)) == (not required)


@pytest.mark.parametrize(
    ("job", "ops"),
    [
        (jobs.diamond_job, {}),
        (jobs.nested_job, {}),
        (static_job, {}),
        (jobs.skips_job, {}),
        (jobs.failure_job, {}),
        (dynamic_job, count(3)),
        (dynamic_job, count(0)),
        (jobs.chained_maps_job, count(3)),
        (jobs.map_with_plain_input_job, count(3)),
        (jobs.mapped_graph_job, count(3)),
        (jobs.several_dynamic_outputs_job, {}),
        (jobs.several_dynamic_ops_job, count(3)),
        (jobs.optional_dynamic_output_job, {}),
        (jobs.mapped_skips_job, count(4)),
        (jobs.mapped_failure_job, count(3)),
        (jobs.dynamic_retry_job, {}),
    ],
    ids=lambda value: value.name if isinstance(value, JobDefinition) else "",
)
def test_steps_start_succeed_skip_and_fail_as_in_process(
    job: JobDefinition, ops: dict[str, Any], cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    assert run_on_dask_as_in_process(job, cluster, instance, ops)


def test_a_fan_in_is_skipped_only_if_all_its_inputs_are_missing(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    with run_job(jobs.skips_job, instance, run_config=cluster.run_config()) as result:
        assert result.success
        skipped = steps_that(DagsterEventType.STEP_SKIPPED, instance, result.run_id)
        assert sorted(skipped) == ["needs_both", "skipped", "skipped_too", "takes_nothing"]
        assert result.output_for_node("takes_what_there_is") == 1


def test_collect_takes_the_outputs_of_the_mapped_steps_that_had_one(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    config = {**cluster.run_config(), "ops": count(5)}
    with run_job(jobs.mapped_skips_job, instance, run_config=config) as result:
        assert result.success
        assert result.output_for_node("total") == 0 + 2 + 4


def test_outputs_of_a_dynamic_step_from_before_its_retry_do_not_count(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    with run_job(jobs.dynamic_retry_job, instance, run_config=cluster.run_config()) as result:
        assert result.success
        assert result.output_for_node("total") == 2 * (1 + 2 + 3)


# Selections


@pytest.mark.parametrize(
    ("selection", "started"),
    [
        (["source", "good"], {"source", "good"}),
        (["*bad"], {"one", "source", "bad"}),
        (["good"], {"good"}),
    ],
    ids=["names", "upstream", "one"],
)
def test_an_op_selection_runs_only_the_selected_ops(
    selection: list[str],
    started: set[str],
    cluster: DaskProcesses,
    instance: DagsterInstance,
    marks: Marks,
) -> None:
    inputs = {"source": {"inputs": {"number": 5}}, "good": {"inputs": {"number": 5}}}
    loose = {op: inputs[op] for op in selection if op in inputs and op == selection[0]}
    config = {**cluster.run_config(), "ops": loose}
    with run_job(
        jobs.mended_job, instance, run_config=config, op_selection=selection, tags=marks.tags
    ) as result:
        assert set(steps_that(START, instance, result.run_id)) == started


def test_an_op_selection_within_a_dynamic_graph_maps_only_the_selected_ops(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    config = {**cluster.run_config(), "ops": count(2)}
    with run_job(
        dynamic_job, instance, run_config=config, op_selection=["numbers", "double"]
    ) as result:
        assert result.success
        started = steps_that(START, instance, result.run_id)
        assert sorted(started) == ["double[n0]", "double[n1]", "numbers"]


# Re-execution


def started_by_reexecution(
    job: JobDefinition, instance: DagsterInstance, options: ReexecutionOptions, **run: Any
) -> tuple[str, set[str], bool]:
    """The new run's id, the steps that it started, and whether it succeeded."""
    with run_job(job, instance, reexecution_options=options, **run) as result:
        return result.run_id, set(steps_that(START, instance, result.run_id)), result.success


@pytest.mark.parametrize(
    ("job", "ops", "failed", "downstream"),
    [
        (jobs.mended_job, {}, "bad", {"after_bad", "noted_total"}),
        (jobs.mended_dynamic_job, count(4), "fails_once[n1]", {"noted[n1]", "noted_total"}),
    ],
    ids=["static", "dynamic"],
)
def test_reexecution_from_failure_runs_only_what_had_not_succeeded_again_and_again(
    job: JobDefinition,
    ops: dict[str, Any],
    failed: str,
    downstream: set[str],
    cluster: DaskProcesses,
    instance: DagsterInstance,
    marks: Marks,
) -> None:
    run = {"run_config": {**cluster.run_config(), "ops": ops}, "tags": marks.tags}
    with run_job(job, instance, **run) as first:
        assert not first.success
    options = ReexecutionOptions.from_failure(first.run_id, instance)
    second, started, success = started_by_reexecution(job, instance, options, **run)
    assert (started, success) == ({failed}, False)
    options = ReexecutionOptions.from_failure(second, instance)
    third, started, success = started_by_reexecution(job, instance, options, **run)
    assert (started, success) == ({failed} | downstream, True)
    assert marks.of("noted_total") == [third]


@pytest.mark.parametrize(
    ("selection", "started"),
    [
        (["double[n1]"], {"double[n1]"}),
        (["double[n1]", "double[n2]", "total"], {"double[n1]", "double[n2]", "total"}),
        (["double[?]"], {"double[n0]", "double[n1]", "double[n2]"}),
        (["numbers*"], {"numbers", "double[n0]", "double[n1]", "double[n2]", "total"}),
        (["total"], {"total"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_step_selection_in_a_dynamic_graph_runs_only_the_selected_steps(
    selection: list[str], started: set[str], cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    config = {**cluster.run_config(), "ops": count(3)}
    with run_job(dynamic_job, instance, run_config=config) as first:
        assert first.success
    options = ReexecutionOptions(first.run_id, step_selection=selection)
    _, found, success = started_by_reexecution(dynamic_job, instance, options, run_config=config)
    assert (found, success) == (started, True)
