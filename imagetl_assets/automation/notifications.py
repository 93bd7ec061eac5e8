"""One message for each run that has ended, through apprise: https://github.com/caronc/apprise."""

from __future__ import annotations

import logging
from typing import Literal

from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunFailureSensorContext,
    RunsFilter,
    RunStatusSensorContext,
    SensorDefinition,
    run_failure_sensor,
    run_status_sensor,
)

from imagetl_assets.dagster_private import PARTITION_TAG, SerializableErrorInfo
from imagetl_assets.redact import redact_text
from imagetl_assets.settings import AutomationSettings

_MAX_REASON = 500


def notifications(settings: AutomationSettings) -> list[SensorDefinition]:
    """Return the sensors that tell the settings' URLs how runs have ended; none without URLs."""
    if not settings.notify_urls:
        return []

    @run_status_sensor(
        run_status=DagsterRunStatus.SUCCESS,
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=5,
        description="Sends a message when a run has succeeded (or recovered after a failed one).",
    )
    def notify_success(context: RunStatusSensorContext) -> None:
        run = context.dagster_run
        recovered = _failed_before(context.instance, run)
        how = "recovered" if recovered else "succeeded"
        _send(settings, "success", f"{subject(run)} {how}", _link(settings, run))

    @run_failure_sensor(
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=5,
        description="Sends a message when a run has failed, with the reason.",
    )
    def notify_failure(context: RunFailureSensorContext) -> None:
        run = context.dagster_run
        text = f"{reason(context)}\n{_link(settings, run)}"
        _send(settings, "failure", f"{subject(run)} failed", text)

    return [notify_success, notify_failure]


def subject(run: DagsterRun) -> str:
    """Return what a run was about, such as `imagetl: holiday.img`."""
    return f"imagetl: {run.tags.get(PARTITION_TAG, run.job_name)}"


def reason(context: RunFailureSensorContext) -> str:
    """Return the innermost error of the step that failed first, or that of the run."""
    for event in context.get_step_failure_events():
        return f"{event.step_key}: {_innermost(event.step_failure_data.error)}"
    return redact_text(context.failure_event.message or "")[:_MAX_REASON]


def _innermost(error: SerializableErrorInfo | None) -> str:
    if error is None:
        return "no reason is known"
    while error.cause is not None:
        error = error.cause
    message = error.message.strip()
    if error.cls_name == "Failure":  # what steps say on purpose needs no name of a class
        message = message.partition(": ")[2]
    return redact_text(message)[:_MAX_REASON]


def _failed_before(instance: DagsterInstance, run: DagsterRun) -> bool:
    """Return whether the last run of the same job and partition that ended before had failed."""
    tags = {PARTITION_TAG: run.tags[PARTITION_TAG]} if PARTITION_TAG in run.tags else {}
    ended = RunsFilter(
        job_name=run.job_name,
        tags=tags,
        statuses=[DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE],
    )
    runs = [other.dagster_run.run_id for other in instance.get_run_records(ended, limit=50)]
    before = runs[runs.index(run.run_id) + 1 :] if run.run_id in runs else []
    previous = instance.get_run_by_id(before[0]) if before else None
    return previous is not None and previous.status is DagsterRunStatus.FAILURE


def _link(settings: AutomationSettings, run: DagsterRun) -> str:
    return f"{settings.ui_url.rstrip('/')}/runs/{run.run_id}"


def _send(
    settings: AutomationSettings, kind: Literal["success", "failure"], title: str, text: str
) -> None:
    """Send the message once. If that fails, only the log tells: an error would send it again."""
    from apprise import Apprise

    apprise = Apprise()
    for url in settings.notify_urls.split():
        apprise.add(url)
    if not apprise.notify(title=title, body=text, notify_type=kind):
        logging.getLogger("imagetl").warning("A message could not be sent: see apprise's log")
