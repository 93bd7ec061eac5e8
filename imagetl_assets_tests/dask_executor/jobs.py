"""Jobs that the tests run on real Dask clusters."""

from __future__ import annotations

from collections.abc import Iterator

from dagster import DynamicOut, DynamicOutput, job, op

from imagetl_assets.dask_executor import dask_executor


@op(config_schema={"count": int}, out=DynamicOut(int))
def numbers(context) -> Iterator[DynamicOutput[int]]:  # type: ignore[no-untyped-def]
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
