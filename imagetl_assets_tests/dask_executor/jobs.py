"""Jobs that the tests run on real Dask clusters."""

import time
from pathlib import Path

from dagster import OpExecutionContext, job, op

from imagetl_assets.dask_executor import dask_executor
from testbed.trivial_ops import double, numbers, one, total


def mark(context: OpExecutionContext, text: str = "ran") -> int:
    """Note that a step ran; returns how often it has, this time included."""
    file = Path(context.run.tags["marks"], context.get_step_execution_context().step.key)
    with file.open("a") as lines:
        lines.write(f"{text}\n")
    return len(file.read_text().splitlines())


@job(executor_def=dask_executor)
def dynamic_job() -> None:
    total(numbers().map(double).collect())


@job(executor_def=dask_executor)
def static_job() -> None:
    """28 trivial steps."""
    for number in range(28):
        one.alias(f"one_{number}")()


@op
def waits(context: OpExecutionContext) -> None:
    """Until there is a file `go` beside the marks."""
    mark(context)
    while not Path(context.run.tags["marks"], "go").exists():
        time.sleep(0.05)


@job(executor_def=dask_executor)
def waiting_job() -> None:
    waits()


@op
def marks_once(context: OpExecutionContext) -> None:
    mark(context)


@job(executor_def=dask_executor)
def mark_job() -> None:
    marks_once()
