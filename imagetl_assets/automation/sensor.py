"""The sensor that watches the upstream for new and changed files."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

from dagster import (
    AddDynamicPartitionsRequest,
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from imagetl_assets.automation.memory import WatchMemory
from imagetl_assets.automation.sensor_report import summary, unusual
from imagetl_assets.automation.watch import (
    Change,
    Decision,
    Limits,
    Seen,
    decide,
    run_key,
    short_hash,
)
from imagetl_assets.dagster_private import (
    PARTITION_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    RUN_KEY_TAG,
    SENSOR_TAG,
    UnresolvedAssetJobDefinition,
)
from imagetl_assets.names import InvalidName, check_partition_key
from imagetl_assets.partitions import upstream_files
from imagetl_assets.settings import AutomationSettings
from imagetl_assets.storage import StoreError, open_store, root_name
from imagetl_assets.storage.resource import ROOT_TAG
from imagetl_assets.upstream import UpstreamError, UpstreamFiles
from imagetl_assets.upstream.listing import Listing, list_upstream

NAME = "new_upstream_files"
PARTITIONS = "upstream_files"
# With this prefix, the UI does not show it.
CHANGE_TAG = ".dagster/imagetl_upstream_change"

# More lines of one kind are told as a number.
_LINES = 20


def new_upstream_files(
    jobs: Sequence[UnresolvedAssetJobDefinition],
    upstream: UpstreamFiles,
    settings: AutomationSettings,
    storage: str,
) -> SensorDefinition:
    """Return the sensor, which requests a run for each new or changed file.

    `jobs` are the one for a file and the one for several. The sensor is on by default where looking
    costs nothing: if the upstream is a folder on this machine. What it remembers is kept in the
    `storage`.
    """
    local = upstream.is_local

    @sensor(
        name=NAME,
        jobs=jobs,
        minimum_interval_seconds=settings.sensor_seconds or (5 if local else 60),
        default_status=DefaultSensorStatus.RUNNING if local else DefaultSensorStatus.STOPPED,
        description=(
            f"Runs the job for files of the upstream ({settings.pattern}) that are new or have "
            "changed. A file has to be the same at two looks in a row."
        ),
    )
    def watch(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        instance = context.instance
        known = [] if local else instance.get_dynamic_partitions(PARTITIONS)
        try:
            memories = WatchMemory(open_store(storage), upstream.base)
            memory = memories.load(context.cursor)
            now = int(time.time() * 1000)
            seen = memory.seen.without_ended(_ended(instance, memory.seen), now)
            listing = _usable(_look(upstream, settings, known, seen), seen)
            limits = _limits(instance, settings, seen)
            decision = decide(seen, listing, limits, now)
            cursor = memories.save(memory, decision.seen)
        except UpstreamError as error:
            return SkipReason(f"The upstream does not answer: {error}")
        except (StoreError, OSError) as error:
            return SkipReason(f"The storage does not answer: {error}")
        _report(context, listing, decision)
        runs = [n for n in decision.runs if _is_wanted(instance, storage, n, seen, decision)]
        if not runs:
            return SensorResult(skip_reason=summary(listing, decision, limits, now), cursor=cursor)
        return SensorResult(
            run_requests=[_request(names, decision.due) for names in runs],
            dynamic_partitions_requests=_new_partitions(instance, runs),
            cursor=cursor,
        )

    return watch


def _look(
    upstream: UpstreamFiles, settings: AutomationSettings, known: Sequence[str], seen: Seen
) -> Listing:
    changes = {**seen.requested, **seen.waiting}
    return list_upstream(
        upstream.base,
        settings.pattern,
        known,
        {name: changes[name].mark for name in known if name in changes},
        refuse_private=upstream.refuse_private,
    )


def _usable(listing: Listing, seen: Seen) -> Listing:
    """Move files whose names cannot be those of a folder in the storage to the unusable ones."""
    unusable = dict(listing.unusable)
    for name in listing.found:
        if name not in seen.requested and name not in seen.waiting:
            try:
                check_partition_key(name)
            except InvalidName as error:
                unusable[name] = str(error)
    found = {name: mark for name, mark in listing.found.items() if name not in unusable}
    return Listing(found, listing.unknown, unusable, listing.sizes_only)


def _is_wanted(
    instance: DagsterInstance, storage: str, names: Sequence[str], seen: Seen, decision: Decision
) -> bool:
    """Return whether a run is to be requested for these files.

    Of a file that the memory does not know, Dagster's runs may tell that it had its run, as the
    memory was lost: then the newest run for it is about this content.
    """
    if len(names) > 1 or names[0] in seen.requested:
        return True
    tags = {
        SENSOR_TAG: NAME,
        PARTITION_TAG: names[0],
        ROOT_TAG: root_name(storage),
    }
    runs = instance.get_runs(RunsFilter(tags=tags), limit=1)
    mark = short_hash(decision.due[names[0]].mark)
    return all(run.tags.get(CHANGE_TAG) != mark for run in runs)


def _limits(instance: DagsterInstance, settings: AutomationSettings, seen: Seen) -> Limits:
    """Return how many runs may be requested.

    If more files wait than may have runs at one look, those that are new to Dagster share runs:
    they become partitions one after the other, and a run can be about a range of partitions.
    """
    quiet_ms = settings.quiet_seconds * 1000
    if len(seen.waiting) <= settings.runs_per_tick and not seen.shared:
        return Limits(settings.runs_per_tick, quiet_ms=quiet_ms)
    known = set(instance.get_dynamic_partitions(PARTITIONS))
    return Limits(
        settings.runs_per_tick, settings.files_per_run, lambda name: name not in known, quiet_ms
    )


def _ended(instance: DagsterInstance, seen: Seen) -> dict[str, Collection[str]]:
    """Return which files have failed in each run over several that has ended, by its run key.

    None has in a run that was stopped by a user: nobody wants it to be repeated.
    """
    if not seen.shared:
        return {}
    runs = instance.get_runs(RunsFilter(tags={RUN_KEY_TAG: list(seen.shared)}))
    newest = {run.tags[RUN_KEY_TAG]: run for run in reversed(runs)}
    return {
        key: set(seen.shared[key]) - _with_clip(instance, run.run_id)
        if run.status is DagsterRunStatus.FAILURE
        else ()
        for key, run in newest.items()
        if run.is_finished
    }


def _with_clip(instance: DagsterInstance, run_id: str) -> set[str | None]:
    """Return the partitions that a run has made clips of."""
    entries = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    return {event.partition for event in events if event.asset_key == AssetKey("clip_gif")}


def _request(names: Sequence[str], due: Mapping[str, Change]) -> RunRequest:
    key = run_key(names, due)
    if len(names) == 1:
        tags = {CHANGE_TAG: short_hash(due[names[0]].mark)}
        return RunRequest(key, job_name="image_etl", partition_key=names[0], tags=tags)
    tags = {RANGE_START_TAG: names[0], RANGE_END_TAG: names[-1]}
    return RunRequest(key, job_name="image_etl_several", tags=tags)


def _new_partitions(
    instance: DagsterInstance, runs: Sequence[Sequence[str]]
) -> list[AddDynamicPartitionsRequest]:
    """Return the request to add the partitions that are new, in the order of the runs."""
    new = [
        name
        for names in runs
        for name in names
        if len(names) > 1 or not instance.has_dynamic_partition(PARTITIONS, name)
    ]
    return [upstream_files.build_add_request(new)] if new else []


def _report(context: SensorEvaluationContext, listing: Listing, decision: Decision) -> None:
    """Tell in the tick's log what is not as it should be."""
    lines = unusual(listing, decision)
    for line in lines[:_LINES]:
        context.log.warning(line)
    if len(lines) > _LINES:
        context.log.warning(f"... and {len(lines) - _LINES:,} more lines of this kind")
