"""The schedule that asks upstream every night whether what is stored is still current."""

from __future__ import annotations

from collections.abc import Iterator

from dagster import (
    AssetKey,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from imagetl_assets.dagster_private import UnresolvedAssetJobDefinition
from imagetl_assets.settings import AutomationSettings


def nightly(job: UnresolvedAssetJobDefinition, settings: AutomationSettings) -> ScheduleDefinition:
    """Return the schedule, which requests a run of `raw_data_file` for each known partition.

    What is stored is revalidated, by one conditional request. Only if the file has changed does its
    data version, and then the other assets' automation conditions bring them up to date.
    """

    @schedule(
        name="nightly",
        job=job,
        cron_schedule=settings.cron,
        execution_timezone=settings.timezone,
        description="Asks upstream for each known file whether it has changed since it was stored.",
    )
    def revalidate(context: ScheduleEvaluationContext) -> Iterator[RunRequest | SkipReason]:
        keys = context.instance.get_dynamic_partitions("upstream_files")
        if not keys:
            yield SkipReason("There are no partitions yet")
        moment = context.scheduled_execution_time.isoformat()
        for key in keys:
            yield RunRequest(
                run_key=f"{key}@{moment}",
                partition_key=key,
                asset_selection=[AssetKey("raw_data_file")],
            )

    return revalidate
