"""What a run's event log says, in forms that two runs can be compared in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagster import DagsterEvent, DagsterEventType, DagsterInstance, EventLogEntry, JobDefinition

from testbed.dagster_runs import run_job
from testbed.dask_cluster import DaskProcesses

# What every executor reports of a step; the others tell of its own doings.
OF_ANY_EXECUTOR = {
    DagsterEventType.STEP_START,
    DagsterEventType.STEP_RESTARTED,
    DagsterEventType.STEP_UP_FOR_RETRY,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_SKIPPED,
    DagsterEventType.STEP_INPUT,
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.LOADED_INPUT,
    DagsterEventType.HANDLED_OUTPUT,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.HOOK_COMPLETED,
    DagsterEventType.HOOK_SKIPPED,
    DagsterEventType.HOOK_ERRORED,
}

Histories = dict[str, list[str]]


def entries(instance: DagsterInstance, run_id: str) -> list[EventLogEntry]:
    """All entries of a run's event log, in the order in which they were written."""
    return list(instance.all_logs(run_id))


def events(instance: DagsterInstance, run_id: str) -> Iterator[DagsterEvent]:
    for entry in entries(instance, run_id):
        if entry.dagster_event is not None:
            yield entry.dagster_event


def histories(instance: DagsterInstance, run_id: str) -> Histories:
    """The types of each step's events, in order; what an executor must not get wrong."""
    found: Histories = defaultdict(list)
    for event in events(instance, run_id):
        if event.step_key is not None and event.event_type in OF_ANY_EXECUTOR:
            found[event.step_key].append(event.event_type_value)
    return dict(found)


def steps_that(
    event_type: DagsterEventType, instance: DagsterInstance, run_id: str
) -> Sequence[str]:
    """The keys of the steps with an event of this type, in the order of the events."""
    return [
        event.step_key
        for event in events(instance, run_id)
        if event.step_key is not None and event.event_type == event_type
    ]


def run_on_dask_as_in_process(
    job: JobDefinition,
    dask: DaskProcesses,
    instance: DagsterInstance,
    ops: Mapping[str, Any] | None = None,
) -> Histories:
    """Run a job both ways; the histories, after asserting that they are the same."""
    ops_config = {"ops": dict(ops)} if ops else {}
    with DagsterInstance.ephemeral() as other:
        in_process = job.execute_in_process(ops_config, instance=other, raise_on_error=False)
        expected = histories(other, in_process.run_id)
    with run_job(job, instance, run_config={**dask.run_config(), **ops_config}) as on_dask:
        assert on_dask.success == in_process.success
        found = histories(instance, on_dask.run_id)
        assert found == expected
        return found
