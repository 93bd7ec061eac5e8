"""How a step does its work for each upstream file of a run.

In a run over one file, Dagster tries a step that has failed again, as its retry policy says. In a
run over several files, this would repeat the work for the good files. So the step itself tries the
files that have failed again, by the same policy. Files that fail every time are noted
(`file_failures`), and the step succeeds if at least one file is good. The last asset of the run
fails after it has materialized the good files. So each partition has a status of its own in
Dagster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from dagster import AssetExecutionContext, Failure, OpExecutionContext, RetryPolicy

from imagetl_assets.dagster_private import followers
from imagetl_assets.file_failures import PlainFailure, note_failure, noted_up_to, summary
from imagetl_assets.images.time_limit import OutOfTime, time_limit
from imagetl_assets.partitions import partition_keys
from imagetl_assets.settings import step_seconds
from imagetl_assets.storage.resource import store_errors_as_failures

T = TypeVar("T")
Context = AssetExecutionContext | OpExecutionContext


class Busy(PlainFailure):
    """A failure of a server that says how long to wait before the next attempt.

    Attributes:
        seconds: how long.
    """

    def __init__(self, description: str, seconds: float) -> None:
        super().__init__(description)
        self.seconds = seconds


Busy.__module__, Busy.__name__, Busy.__qualname__ = "builtins", "Failure", "Failure"


def remaining_keys(context: Context, made_of: str) -> Sequence[str]:
    """Return the partitions of the run, without those for which this asset could not be had."""
    keys = partition_keys(context)
    if context.has_partition_key:
        return keys
    failed = noted_up_to(context.instance, context.run, made_of)
    return [key for key in keys if key not in failed]


def for_each_file(
    context: AssetExecutionContext,
    asset: str,
    keys: Sequence[str],
    work: Callable[[str], T],
    policy: RetryPolicy,
) -> dict[str, T]:
    """Do the work for each of these partitions; return the results by partition key.

    Args:
        context: of the step.
        asset: that it materializes.
        keys: of the partitions.
        work: what to do for one.
        policy: how often it is tried again, and when.

    Raises:
        Failure: it failed for the one file of the run, or for all of several.
    """
    done = try_each_file(context, asset, keys, work, policy)
    if not done:
        raise failed_files(context, asset)
    return done


def try_each_file(
    context: Context,
    asset: str,
    keys: Sequence[str],
    work: Callable[[str], T],
    policy: RetryPolicy,
) -> dict[str, T]:
    """Do as `for_each_file`, but return nothing if the work fails for all of several files."""
    if context.has_partition_key:
        return {key: _do_one(context, asset, key, work, policy) for key in keys}
    done: dict[str, T] = {}
    left = list(keys)
    failures: dict[str, Failure] = {}
    for attempt in range(policy.max_retries + 1):
        failed: dict[str, Failure] = {}
        for key in left:
            try:
                with _errors_as_failures():
                    done[key] = work(key)
            except Failure as failure:
                failed[key] = failure
            except Exception as error:
                context.log.exception(f"{key}: an error that nobody has foreseen")
                failed[key] = Failure(f"{type(error).__name__}: {error}", allow_retries=False)
        left = [key for key, failure in failed.items() if failure.allow_retries]
        failures = {**failures, **failed}
        if not left or attempt == policy.max_retries:
            break
        _wait(context, policy, attempt + 1, [failed[key] for key in left])
    for key in keys:
        if key not in done:
            note_failure(context, asset, key, failures[key].description or "")
    return {key: done[key] for key in keys if key in done}


def fail_at_end(context: Any, asset: str, *, check: str | None = None) -> None:
    """Let a run over several files fail, if it has nothing more to do and some files failed.

    Args:
        context: of the step.
        asset: that the step materializes or checks. If the run checks it, the first of these checks
            fails, as nothing runs after a step that has failed.
        check: the name of the check, if the step is one.

    Raises:
        Failure: it names the files.
    """
    if context.has_partition_key:
        return
    after = followers(context, asset)
    last = after.checks[0] if after.checks else None
    if after.assets or check != last:
        return
    if noted_up_to(context.instance, context.run, asset):
        raise failed_files(context, asset)


def failed_files(context: Context, asset: str) -> Failure:
    """Return what to raise where files of the run have failed, up to this asset."""
    failures = noted_up_to(context.instance, context.run, asset)
    return PlainFailure(
        summary(failures, len(partition_keys(context))),
        metadata={"failed files": failures},
        allow_retries=False,
    )


def _do_one(
    context: Context, asset: str, key: str, work: Callable[[str], T], policy: RetryPolicy
) -> T:
    try:
        with _errors_as_failures():
            return work(key)
    except Failure as failure:
        if not failure.allow_retries or context.retry_number >= policy.max_retries:
            note_failure(context, asset, key, failure.description or "")
        if isinstance(failure, PlainFailure):
            raise
        raise PlainFailure(
            failure.description, failure.metadata, failure.allow_retries
        ) from failure.__cause__


@contextmanager
def _errors_as_failures() -> Iterator[None]:
    """Turn what is wrong with the storage, or takes too long, into the failure of a step."""
    seconds = step_seconds()
    try:
        with store_errors_as_failures(), time_limit(seconds) if seconds else nullcontext():
            yield
    except OutOfTime as error:
        raise Failure(
            f"{error}, which the setting IMAGETL_STEP_SECONDS allows for one file in a step",
            allow_retries=False,
        ) from None


def _wait(context: Context, policy: RetryPolicy, attempt: int, failures: Sequence[Failure]) -> None:
    asked = [failure.seconds for failure in failures if isinstance(failure, Busy)]
    seconds = max([policy.calculate_delay(attempt), *asked])
    context.log.warning(
        f"{len(failures):,} files failed and are tried again in {seconds:g} s, first: "
        f"{failures[0].description}"
    )
    time.sleep(seconds)
