"""Jobs that the tests run on real Dask clusters."""

import time
from collections.abc import Iterator
from pathlib import Path

from dagster import DynamicOut, DynamicOutput, OpExecutionContext, job, op

from imagetl_assets.dask_executor import dask_executor


def mark(context: OpExecutionContext, text: str = "ran") -> int:
    """Note that a step ran; returns how often it has, this time included."""
    file = Path(context.run.tags["marks"], context.get_step_execution_context().step.key)
    with file.open("a") as lines:
        lines.write(f"{text}\n")
    return len(file.read_text().splitlines())


@op(config_schema={"count": int}, out=DynamicOut(int))
def numbers(context: OpExecutionContext) -> Iterator[DynamicOutput[int]]:
    for number in range(context.op_config["count"]):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op
def double(number: int) -> int:
    return 2 * number


@op
def total(numbers: list[int]) -> int:
    return sum(numbers)


@job(executor_def=dask_executor)
def dynamic_job() -> None:
    total(numbers().map(double).collect())


@op
def one() -> int:
    return 1


@op
def add(left: int, right: int) -> int:
    return left + right


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
