"""The sensor that watches the upstream for new and changed files."""

from __future__ import annotations

from collections.abc import Sequence

from dagster import (
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from imagetl_assets.automation.watch import Decision, Seen, decide, short_hash
from imagetl_assets.names import InvalidName, check_partition_key
from imagetl_assets.partitions import upstream_files
from imagetl_assets.settings import AutomationSettings
from imagetl_assets.upstream import UpstreamError, UpstreamFiles
from imagetl_assets.upstream.listing import Listing, list_upstream


def new_upstream_files(
    job: UnresolvedAssetJobDefinition, upstream: UpstreamFiles, settings: AutomationSettings
) -> SensorDefinition:
    """Return the sensor, which requests a run of `job` for each new or changed file.

    It is on by default where looking costs nothing: if the upstream is a folder on this machine.
    """
    local = upstream.is_local

    @sensor(
        name="new_upstream_files",
        job=job,
        minimum_interval_seconds=settings.sensor_seconds or (5 if local else 60),
        default_status=DefaultSensorStatus.RUNNING if local else DefaultSensorStatus.STOPPED,
        description=(
            f"Runs the job for files of the upstream ({settings.pattern}) that are new or have "
            "changed. A file has to be the same at two looks in a row."
        ),
    )
    def watch(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        known = context.instance.get_dynamic_partitions("upstream_files")
        try:
            listing = list_upstream(
                upstream.base, settings.pattern, known, refuse_private=upstream.refuse_private
            )
        except UpstreamError as error:
            return SkipReason(f"The upstream does not answer: {error}")
        listing = _with_usable_names(context, listing)
        decision = decide(
            Seen.from_json(context.cursor, upstream.base), listing, settings.runs_per_tick
        )
        _report(context, listing, decision, known)
        cursor = decision.seen.to_json()
        if not decision.due:
            found = len(listing.found)
            reason = f"Nothing is due: {found:,} files, {decision.waiting:,} of them waiting"
            return SensorResult(skip_reason=reason, cursor=cursor)
        new = sorted(decision.due.keys() - set(known))
        return SensorResult(
            run_requests=[
                RunRequest(run_key=f"{name}@{mark}", partition_key=name)
                for name, mark in decision.due.items()
            ],
            dynamic_partitions_requests=[upstream_files.build_add_request(new)] if new else [],
            cursor=cursor,
        )

    return watch


def _with_usable_names(context: SensorEvaluationContext, listing: Listing) -> Listing:
    """Leave out files whose names cannot be those of a folder in the storage."""
    usable = {}
    for name, mark in listing.found.items():
        try:
            usable[check_partition_key(name)] = mark
        except InvalidName as error:
            context.log.warning(f"A file is left alone: {error}")
    return Listing(usable, listing.unknown)


def _report(
    context: SensorEvaluationContext, listing: Listing, decision: Decision, known: Sequence[str]
) -> None:
    for name in known:
        if short_hash(name) in decision.vanished:
            context.log.warning(f"{name} has vanished from the upstream; its results are kept")
    for name, problem in sorted(listing.unknown.items()):
        context.log.warning(f"Nothing is known of {name}: {problem}")
