"""What all assets have in common."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from dagster import BackfillPolicy, DataVersion, Failure

from imagetl_assets.storage.resource import store_errors_as_failures

GROUP = "images"
OWNERS: Sequence[str] = ["team:data-platform"]

# A tag with this prefix is one of an asset's kinds, where there is no other way to set them.
KIND_PREFIX = "dagster/kind/"

# A run over many files costs little more than a run over one.
BACKFILL_POLICY = BackfillPolicy.single_run()

T = TypeVar("T")


def for_each_file(
    keys: Sequence[str], work: Callable[[str], T], *, among_others: bool = False
) -> dict[str, T]:
    """Do the work for each of these partitions; return the results by partition key.

    Args:
        keys: of the partitions.
        work: what to do for one.
        among_others: whether the run is about more partitions than these, so that a failure has to
            name its file even if there is only one.

    Raises:
        Failure: it failed for some. All others were done before, so that to repeat it costs little.
    """
    done: dict[str, T] = {}
    failures: dict[str, Failure] = {}
    for key in keys:
        try:
            with store_errors_as_failures():
                done[key] = work(key)
        except Failure as failure:
            failures[key] = failure
    if not failures:
        return done
    if len(keys) == 1 and not among_others:
        raise failures[keys[0]]
    reasons = "; ".join(f"{key}: {failure.description}" for key, failure in failures.items())
    raise Failure(
        reasons if len(keys) == 1 else f"{len(failures)} of {len(keys)} files failed: {reasons}",
        allow_retries=any(failure.allow_retries for failure in failures.values()),
    )


def joint_version(versions: Sequence[str]) -> DataVersion:
    """Return the data version of what a step has made for its partitions.

    Dagster knows only one for all partitions of a step, so it changes if any of them does.
    """
    if len(versions) == 1:
        return DataVersion(versions[0])
    return DataVersion(hashlib.sha256("".join(versions).encode()).hexdigest())
