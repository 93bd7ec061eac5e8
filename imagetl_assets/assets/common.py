"""What all assets have in common."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from dagster import AutomationCondition, BackfillPolicy, DataVersion, Failure

from imagetl_assets.storage.resource import store_errors_told

GROUP = "images"
OWNERS: Sequence[str] = ["team:data-platform"]

# A tag with this prefix is one of an asset's kinds, where there is no other way to set them.
KIND_PREFIX = "dagster/kind/"

# A run over many files costs little more than a run over one.
BACKFILL_POLICY = BackfillPolicy.single_run()

T = TypeVar("T")


def for_each_file(keys: Sequence[str], work: Callable[[str], T]) -> dict[str, T]:
    """Do the work for each of the run's partitions; return what it gave, by key.

    Raises:
        Failure: it failed for some. All others were done before, so that to repeat it costs little.
    """
    done: dict[str, T] = {}
    failures: dict[str, Failure] = {}
    for key in keys:
        try:
            with store_errors_told():
                done[key] = work(key)
        except Failure as failure:
            failures[key] = failure
    if not failures:
        return done
    if len(keys) == 1:
        raise failures[keys[0]]
    reasons = "; ".join(f"{key}: {failure.description}" for key, failure in failures.items())
    raise Failure(
        f"{len(failures)} of {len(keys)} files failed: {reasons}",
        allow_retries=any(failure.allow_retries for failure in failures.values()),
    )


def joint_version(versions: Sequence[str]) -> DataVersion:
    """Return the data version of what a step has made for its partitions.

    Dagster knows only one for all partitions of a step, so it changes if any of them does.
    """
    if len(versions) == 1:
        return DataVersion(versions[0])
    return DataVersion(hashlib.sha256("".join(versions).encode()).hexdigest())


def _brings_up_to_date() -> AutomationCondition[Any]:
    """Return the condition of the assets that follow from another one.

    As `AutomationCondition.eager`, but what counts is that the data version of a dependency has
    changed, not that it was materialized: a download that was skipped brings nothing about. A
    failed attempt is not repeated until there is something new.

    A change has to be there for two evaluations. In the first, a run of the file may be halfway: an
    asset that it has just materialized is not in progress any more, but its update is only looked
    at in the next one.
    """
    handled = (
        AutomationCondition.newly_requested()
        | AutomationCondition.newly_updated()
        | AutomationCondition.execution_failed().newly_true()
        | AutomationCondition.initial_evaluation()
    )
    changed = AutomationCondition.any_deps_match(AutomationCondition.data_version_changed())
    due = changed.since(handled)
    requested_above = AutomationCondition.any_deps_match(AutomationCondition.will_be_requested())
    return (
        ((due & ~due.newly_true()) | requested_above)
        & ~AutomationCondition.any_deps_missing()
        & ~AutomationCondition.any_deps_in_progress()
        & ~AutomationCondition.in_progress()
    )


UP_TO_DATE = _brings_up_to_date()
