"""Retries: those that a policy allows or a step asks for, and those that config rules out."""

from typing import Any

import pytest
from dagster import DagsterEventType, DagsterInstance

from imagetl_assets_tests.dask_executor.jobs_retries import (
    backoff_job,
    retries_in_process_job,
    retries_job,
    waiting_retry_job,
)
from testbed.dagster_runs import Marks, run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import entries, events, histories, steps_that


@pytest.mark.parametrize("mode", ["enabled", "disabled"])
def test_the_retry_modes_do_what_they_do_in_process(
    mode: str, cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    retries: dict[str, Any] = {"retries": {mode: {}}}
    config = {"execution": {"config": retries}}
    with run_job(
        retries_in_process_job, instance, run_config=config, tags=marks.tags
    ) as in_process:
        expected = histories(instance, in_process.run_id)
    config = cluster.run_config(**retries)
    with run_job(retries_job, instance, run_config=config, tags=marks.tags) as on_dask:
        assert histories(instance, on_dask.run_id) == expected
        assert on_dask.success == in_process.success


def test_a_step_is_tried_as_often_as_allowed_and_knows_its_attempt(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    with run_job(retries_job, instance, run_config=cluster.run_config(), tags=marks.tags) as result:
        assert marks.of("fails_twice") == ["0", "1", "2"]
        assert marks.of("fails_always") == ["0", "1"]
        assert marks.of("asks_for_a_retry") == ["0", "1"]
        assert marks.of("fails_for_good") == ["0"]
        failed = steps_that(DagsterEventType.STEP_FAILURE, instance, result.run_id)
        assert sorted(failed) == ["fails_always", "fails_for_good"]


@pytest.mark.parametrize(
    ("mode", "event_type"),
    [
        ("disabled", DagsterEventType.STEP_FAILURE),
        ("deferred", DagsterEventType.STEP_UP_FOR_RETRY),
    ],
)
def test_without_retries_each_step_is_tried_once(
    mode: str,
    event_type: DagsterEventType,
    cluster: DaskProcesses,
    instance: DagsterInstance,
    marks: Marks,
) -> None:
    config = cluster.run_config(retries={mode: {}})
    with run_job(retries_job, instance, run_config=config, tags=marks.tags) as result:
        for step in ("fails_twice", "fails_always", "asks_for_a_retry"):
            assert marks.of(step) == ["0"]
            assert step in steps_that(event_type, instance, result.run_id)
        started = steps_that(DagsterEventType.STEP_START, instance, result.run_id)
        assert not {"after_two_failures", "after_request"} & set(started)


def test_a_retry_waits_as_long_as_its_policy_says(
    cluster: DaskProcesses, instance: DagsterInstance, marks: Marks
) -> None:
    with run_job(backoff_job, instance, run_config=cluster.run_config(), tags=marks.tags) as result:
        assert result.success
        waits = [
            event.step_retry_data.seconds_to_wait
            for event in events(instance, result.run_id)
            if event.is_step_up_for_retry
        ]
        asked = times_of(instance, result.run_id, DagsterEventType.STEP_UP_FOR_RETRY)
        restarted = times_of(instance, result.run_id, DagsterEventType.STEP_RESTARTED)
    assert len(waits) == len(asked) == len(restarted) == 3
    for attempt, (wait, failure, restart) in enumerate(zip(waits, asked, restarted, strict=True)):
        assert wait is not None
        assert 0 <= wait <= 0.1 * (2 ** (attempt + 1) - 1)  # full jitter below the backoff
        assert restart - failure >= wait


def times_of(instance: DagsterInstance, run_id: str, event_type: DagsterEventType) -> list[float]:
    return [
        entry.timestamp
        for entry in entries(instance, run_id)
        if entry.dagster_event_type == event_type
    ]


def test_a_step_that_waits_for_its_retry_holds_no_worker(
    one_worker: DaskProcesses, instance: DagsterInstance
) -> None:
    config: dict[str, Any] = one_worker.run_config()
    with run_job(waiting_retry_job, instance, run_config=config) as result:
        assert result.success
        order = [
            (event.event_type, event.step_key)
            for event in events(instance, result.run_id)
            if event.step_key
        ]
    failed = order.index((DagsterEventType.STEP_UP_FOR_RETRY, "waits_for_its_retry"))
    others = order.index((DagsterEventType.STEP_SUCCESS, "link_3"))
    retried = order.index((DagsterEventType.STEP_RESTARTED, "waits_for_its_retry"))
    assert failed < others < retried
