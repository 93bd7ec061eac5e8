"""What asset checks say, for each upstream file of a run.

In a run over several files, each has an evaluation of its own. A file with an error is noted as one
that has failed: no clip is made of it, but of the others there is. A run without any partition, as
"Execute all" in the UI starts it, looks at all that is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import Any, cast

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    Failure,
    MetadataValue,
    OpExecutionContext,
    Output,
)

from imagetl_assets.assets.each_file import fail_at_end, failed_files
from imagetl_assets.dagster_private import checked_materialization
from imagetl_assets.file_failures import note_failure
from imagetl_assets.partitions import names_no_file

_MOST_PROBLEMS = 20


def evaluate(
    context: AssetCheckExecutionContext,
    keys: Collection[str],
    problems_of: Callable[[str], Iterator[str]],
    severity: AssetCheckSeverity,
) -> AssetCheckResult:
    """Return the result of a check; log one for each partition if there are several.

    Args:
        context: of the step.
        keys: the partitions to look at.
        problems_of: returns what is wrong with one.
        severity: of a problem.

    Raises:
        Failure: it is the last step of a run over several files, and some of them have failed.
    """
    problems = {key: _problems(key, problems_of) for key in keys}
    first = [problem for found in problems.values() for problem in found][:_MOST_PROBLEMS]
    if context.has_partition_key:
        return AssetCheckResult(severity=severity, **_told(first))
    (check,) = context.selected_asset_check_keys
    asset, step = check.asset_key.to_python_identifier(), context.op_execution_context
    for key, found in problems.items():
        _log(step, check, severity, found, key)
    if names_no_file(step.run):
        _log(step, check, severity, first, None)
        return _no_result(step)
    if severity is AssetCheckSeverity.ERROR:
        for key, found in problems.items():
            if found:
                note_failure(step, asset, key, found[0].removeprefix(f"{key}: "))
        if all(problems.values()):
            raise failed_files(step, asset)
    fail_at_end(context, asset, check=check.name)
    return _no_result(step)


def _no_result(step: OpExecutionContext) -> AssetCheckResult:
    """Return what ends a check whose evaluations are logged already.

    Dagster would make an evaluation of a result, which only works in runs about one partition.
    """
    (output,) = step.op_def.output_defs
    return cast(AssetCheckResult, (nothing for nothing in [Output(None, output.name)]))


def _log(
    step: OpExecutionContext,
    check: AssetCheckKey,
    severity: AssetCheckSeverity,
    problems: Sequence[str],
    key: str | None,
) -> None:
    """Log the evaluation of a check for a partition, or for all of them."""
    evaluation = AssetCheckEvaluation(
        check.asset_key,
        check.name,
        severity=severity,
        partition=key,
        # Without it, the UI shows the partition as one whose check has never run.
        target_materialization_data=(
            None if key is None else checked_materialization(step.instance, check, key)
        ),
        **_told(problems),
    )
    step.log_event(evaluation)  # type: ignore[arg-type]  # it takes these, too


def _problems(key: str, problems_of: Callable[[str], Iterator[str]]) -> Sequence[str]:
    try:
        return [f"{key}: {problem}" for problem in islice(problems_of(key), _MOST_PROBLEMS)]
    except Failure as failure:  # a record that is missing, or cannot be read
        return [f"{key}: {failure.description}"]


def _told(problems: Sequence[str]) -> dict[str, Any]:
    return {
        "passed": not problems,
        "description": "; ".join(problems[:3]) or None,
        "metadata": {"problems": MetadataValue.json(problems)} if problems else {},
    }
