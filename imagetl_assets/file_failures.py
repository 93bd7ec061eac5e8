"""What could not be done for which upstream file of a run, told from step to step.

A run over several files goes on with those that are good. A step notes each file that it could not
do, as an observation of the asset that it would have materialized. The steps after it leave that
file out, and Dagster shows the reason on the page of the partition.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetObservation,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    Failure,
    OpExecutionContext,
)


class PlainFailure(Failure):
    """A failure whose message Dagster begins with `Failure:`, not with the path of a module."""

    def __init__(
        self,
        description: str | None,
        metadata: Mapping[str, Any] | None = None,
        allow_retries: bool | None = None,
    ) -> None:
        super().__init__(description, metadata, allow_retries)


# Python leaves out the module of a built-in class, and of no other.
PlainFailure.__module__ = "builtins"
PlainFailure.__name__ = PlainFailure.__qualname__ = "Failure"

UP_TO_FRAME_FILES = ("raw_data_file", "frames", "frame_files")
"""The assets that follow on each other, before the clips."""

_LABEL = "failed"
_MAPPING_KEY = re.compile(r"\[.*\]")
# Of how many files a summary gives the reasons of all, and how many it names, at most.
_REASONS = 3
_NAMES = 50


def note_failure(
    context: AssetExecutionContext | OpExecutionContext, asset: str, key: str, reason: str
) -> None:
    """Note that an asset could not be materialized for the file with this partition key."""
    context.log.error(f"{key}: {reason}")
    context.log_event(
        AssetObservation(asset, description=reason, metadata={_LABEL: reason}, partition=key)
    )


def noted_failures(
    instance: DagsterInstance, run: DagsterRun, assets: Collection[str]
) -> dict[str, str]:
    """Return why files could not be done, by partition key, as far as these assets are concerned.

    If the run re-executes only some steps of another one, what the other steps have noted counts.
    """
    wanted = {AssetKey(asset) for asset in assets}
    failures: dict[str, str] = {}
    for noting, steps in _noting(instance, run):
        for entry in instance.all_logs(noting.run_id, of_type=DagsterEventType.ASSET_OBSERVATION):
            event = entry.dagster_event
            assert event is not None
            seen = event.asset_observation_data.asset_observation
            reason = seen.metadata.get(_LABEL)
            done_again = _MAPPING_KEY.sub("[?]", event.step_key or "") in steps
            if seen.asset_key in wanted and seen.partition and reason and not done_again:
                failures.setdefault(seen.partition, str(reason.value))
    return failures


def noted_up_to(instance: DagsterInstance, run: DagsterRun, asset: str) -> dict[str, str]:
    """Return why files could not be done, as far as this asset and those above it go."""
    chain = UP_TO_FRAME_FILES
    above = chain[: chain.index(asset)] if asset in chain else chain
    return noted_failures(instance, run, (*above, asset))


def with_parents(instance: DagsterInstance, run: DagsterRun) -> list[DagsterRun]:
    """Return the runs that this one is a re-execution of, the oldest first, and this one."""
    runs = [run]
    while parent_id := runs[0].parent_run_id:
        parent = instance.get_run_by_id(parent_id)
        if parent is None:
            break
        runs.insert(0, parent)
    return runs


def summary(failures: Mapping[str, str], files: int) -> str:
    """Return one line that names the files that failed, and says why a few of them did.

    >>> summary({"a.img": "status 404", "b.img": "it is empty"}, 9)
    '2 of 9 files failed: a.img: status 404; b.img: it is empty'
    """
    told = [f"{key}: {reason}" for key, reason in failures.items()]
    if len(told) > _REASONS:
        more = f" and {len(told) - _NAMES:,} more" if len(told) > _NAMES else ""
        told = [f"{', '.join(list(failures)[:_NAMES])}{more}", f"first, {told[0]}"]
    return f"{len(failures):,} of {files:,} files failed: {'; '.join(told)}"


def _noting(
    instance: DagsterInstance, run: DagsterRun
) -> Iterator[tuple[DagsterRun, Collection[str]]]:
    """Yield the runs whose notes count, each with the steps that were executed again since."""
    executed_since: set[str] = set()
    for noting in reversed(with_parents(instance, run)):
        yield noting, executed_since.copy()
        if noting.step_keys_to_execute is None:
            break  # all of it is done again
        executed_since |= {_MAPPING_KEY.sub("[?]", key) for key in noting.step_keys_to_execute}
