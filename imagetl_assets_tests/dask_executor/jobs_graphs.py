"""Jobs of every graph shape; static ones first, then those with dynamic outputs."""

from collections.abc import Iterator
from typing import Any

from dagster import (
    DynamicOut,
    DynamicOutput,
    GraphOut,
    OpExecutionContext,
    Out,
    Output,
    RetryRequested,
    graph,
    job,
    op,
)

from imagetl_assets.dask_executor import dask_executor
from imagetl_assets_tests.dask_executor.jobs import mark
from testbed.trivial_ops import add, double, numbers, one, total

WIDTH = 100


@job(executor_def=dask_executor)
def diamond_job() -> None:
    source = one()
    add(double.alias("left")(source), double.alias("right")(source))


@graph
def quadruple(number: int) -> Any:
    return double.alias("again")(double(number))


@graph(out={"quadrupled": GraphOut(), "doubled": GraphOut()})
def several(number: int) -> Any:
    return {"quadrupled": quadruple(number), "doubled": double(number)}


@job(executor_def=dask_executor)
def nested_job() -> None:
    outputs: Any = several(one())
    add(outputs.quadrupled, outputs.doubled)


@job(executor_def=dask_executor)
def wide_job() -> None:
    source = one()
    total([double.alias(f"double_{number}")(source) for number in range(WIDTH)])


# Skips and failures


@op(out={"given": Out(int, is_required=False), "withheld": Out(int, is_required=False)})
def gives_one_of_two() -> Iterator[Output[int]]:
    yield Output(1, "given")


@op
def fails() -> int:
    raise ValueError("on purpose")


@job(executor_def=dask_executor)
def skips_job() -> None:
    """Skips go on downstream; a fan-in is skipped only if all that it takes in is."""
    given, withheld = gives_one_of_two()
    double.alias("runs")(given)
    skipped = double.alias("skipped")(withheld)
    double.alias("skipped_too")(skipped)
    add.alias("needs_both")(given, skipped)
    total.alias("takes_what_there_is")([given, skipped])
    total.alias("takes_nothing")([withheld, skipped])


@job(executor_def=dask_executor)
def failure_job() -> None:
    """What is downstream of a failure does not run, and is not skipped either."""
    given, withheld = gives_one_of_two()
    failed = fails()
    double.alias("not_run")(failed)
    add.alias("half_skipped")(failed, withheld)
    total.alias("partly_failed")([failed, given])
    double.alias("independent")(given)


# Dynamic outputs


@op(out={"small": DynamicOut(int), "large": DynamicOut(int)})
def numbers_of_two_kinds() -> Iterator[DynamicOutput[int]]:
    for number in range(3):
        yield DynamicOutput(number, output_name="small", mapping_key=f"s{number}")
    for number in range(2):
        yield DynamicOutput(100 + number, output_name="large", mapping_key=f"l{number}")


@op(out=DynamicOut(int, is_required=False))
def optional_numbers() -> Iterator[DynamicOutput[int]]:
    yield from ()


@op(out=Out(int, is_required=False))
def if_even(number: int) -> Iterator[Output[int]]:
    if number % 2 == 0:
        yield Output(number)


@op
def fails_for_one(number: int) -> int:
    if number == 1:
        raise ValueError("on purpose")
    return number


@op(out=DynamicOut(int))
def numbers_at_the_second_try(context: OpExecutionContext) -> Iterator[DynamicOutput[int]]:
    """Yields other outputs when it is retried than those it had yielded."""
    first = context.retry_number == 0
    for number in range(2) if first else range(1, 4):
        yield DynamicOutput(number, mapping_key=f"n{number}")
    if first:
        raise RetryRequested(max_retries=1)


@job(executor_def=dask_executor)
def chained_maps_job() -> None:
    total(numbers().map(double).map(double.alias("again")).collect())


@job(executor_def=dask_executor)
def map_with_plain_input_job() -> None:
    plain = one()
    numbers().map(lambda number: add(number, plain))


@job(executor_def=dask_executor)
def mapped_graph_job() -> None:
    total(numbers().map(quadruple).collect())


@job(executor_def=dask_executor)
def several_dynamic_outputs_job() -> None:
    small, large = numbers_of_two_kinds()
    doubled = small.map(double.alias("double_small")).collect()
    total.alias("total_small")(doubled)
    total.alias("total_large")(large.map(double.alias("double_large")).collect())
    add(total.alias("total_unmapped")(small.collect()), total.alias("total_doubled")(doubled))


@job(executor_def=dask_executor)
def several_dynamic_ops_job() -> None:
    """One dynamic op downstream of what another one's outputs were collected to."""

    @op(out=DynamicOut(int))
    def count_up_to(number: int) -> Iterator[DynamicOutput[int]]:
        for each in range(number):
            yield DynamicOutput(each, mapping_key=str(each))

    collected = total(numbers().map(double).collect())
    total.alias("last")(count_up_to(collected).map(double.alias("and_again")).collect())


@job(executor_def=dask_executor)
def optional_dynamic_output_job() -> None:
    mapped = optional_numbers().map(double)
    mapped.map(double.alias("again"))
    total(mapped.collect())


@job(executor_def=dask_executor)
def mapped_skips_job() -> None:
    even = numbers().map(if_even)
    even.map(double)
    total(even.collect())


@job(executor_def=dask_executor)
def mapped_failure_job() -> None:
    mapped = numbers().map(fails_for_one)
    mapped.map(double)
    total(mapped.collect())


@job(executor_def=dask_executor)
def dynamic_retry_job() -> None:
    total(numbers_at_the_second_try().map(double).collect())


# Failures that are mended for the re-execution


@op
def fails_once(context: OpExecutionContext, number: int) -> int:
    """Fails for number 1 in the first two runs; the third one is good."""
    if mark(context, context.run_id) <= 2 and number == 1:
        raise ValueError("on purpose")
    return number


@op
def noted(context: OpExecutionContext, number: int) -> int:
    mark(context, context.run_id)
    return number


@op
def noted_total(context: OpExecutionContext, numbers: list[int]) -> int:
    mark(context, context.run_id)
    return sum(numbers)


@job(executor_def=dask_executor)
def mended_job() -> None:
    source = noted.alias("source")(one())
    bad = noted.alias("after_bad")(fails_once.alias("bad")(source))
    good = noted.alias("good")(source)
    noted_total([bad, good])


@job(executor_def=dask_executor)
def mended_dynamic_job() -> None:
    noted_total(numbers().map(fails_once).map(noted).collect())


@op
def fails_after_its_output() -> Iterator[Output[int]]:
    yield Output(1)
    raise ValueError("on purpose")


@job(executor_def=dask_executor)
def late_failure_job() -> None:
    noted(fails_after_its_output())
