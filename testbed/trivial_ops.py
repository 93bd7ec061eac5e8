"""Ops that do next to nothing, for jobs in which only the executor's work counts."""

from collections.abc import Iterator

from dagster import DynamicOut, DynamicOutput, OpExecutionContext, op


@op(config_schema={"count": int}, out=DynamicOut(int))
def numbers(context: OpExecutionContext) -> Iterator[DynamicOutput[int]]:
    """Give the numbers from 0 up to `count`, each as an output to be mapped."""
    for number in range(context.op_config["count"]):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op
def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


@op
def total(numbers: list[int]) -> int:
    """Return the sum."""
    return sum(numbers)


@op
def one() -> int:
    """Return 1."""
    return 1


@op
def add(left: int, right: int) -> int:
    """Return the sum of two."""
    return left + right
