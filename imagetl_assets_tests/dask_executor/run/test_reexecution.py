"""A run whose process has died at whatever moment is completed by a re-execution from failure."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus, ReexecutionOptions
from dagster._core.utils import make_new_run_id

from imagetl_assets_tests.dask_executor.jobs import dynamic_job
from testbed.dagster_runs import run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import steps_that

START, SUCCESS = DagsterEventType.STEP_START, DagsterEventType.STEP_SUCCESS
STEPS = {"numbers", "double[n0]", "double[n1]", "total"}


def ended_at(
    run_id: str, instance: DagsterInstance, event_type: DagsterEventType, step_key: str
) -> str:
    """The id of a run that has failed where an event of this one is, and has told no more."""
    new_id = make_new_run_id()
    run = instance.get_run_by_id(run_id)
    assert run is not None
    started = run.with_status(DagsterRunStatus.STARTED)
    instance.add_run(started._replace(run_id=new_id))
    for log in instance.all_logs(run_id):
        instance.store_event(log._replace(run_id=new_id))
        if log.dagster_event_type is event_type and log.step_key == step_key:
            break
    storage = Path(instance.storage_directory())
    shutil.copytree(storage / run_id, storage / new_id)
    failed = instance.get_run_by_id(new_id)
    assert failed is not None
    instance.report_run_failed(failed)
    return new_id


@pytest.mark.parametrize(
    ("event_type", "step_key"),
    [
        (START, "numbers"),
        (DagsterEventType.STEP_OUTPUT, "numbers"),
        (SUCCESS, "numbers"),
        (START, "double[n0]"),
        (SUCCESS, "double[n1]"),
    ],
)
def test_mapped_steps_that_had_not_run_are_run(
    event_type: DagsterEventType,
    step_key: str,
    one_worker: DaskProcesses,
    instance: DagsterInstance,
) -> None:
    config = {**one_worker.run_config(), "ops": {"numbers": {"config": {"count": 2}}}}
    with run_job(dynamic_job, instance, run_config=config) as result:
        died = ended_at(result.run_id, instance, event_type, step_key)
    done = set(steps_that(SUCCESS, instance, died))

    options = ReexecutionOptions.from_failure(died, instance)
    with run_job(dynamic_job, instance, run_config=config, reexecution_options=options) as result:
        assert result.success
        assert set(steps_that(START, instance, result.run_id)) == STEPS - done
        assert result.output_for_node("total") == 2
