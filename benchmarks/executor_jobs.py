"""The jobs that benchmarks/executor.py runs: the same steps on three executors."""

from collections.abc import Iterator

from dagster import (
    DynamicOut,
    DynamicOutput,
    JobDefinition,
    OpExecutionContext,
    RetryRequested,
    graph,
    multiprocess_executor,
    op,
)

from imagetl_assets.dask_executor import dask_executor


@op
def one() -> int:
    return 1


@op
def fails_first(context: OpExecutionContext) -> int:
    if context.retry_number == 0:
        raise RetryRequested(max_retries=1)
    return 1


@op(config_schema={"count": int}, out=DynamicOut(int))
def numbers(context: OpExecutionContext) -> Iterator[DynamicOutput[int]]:
    for number in range(context.op_config["count"]):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op
def double(number: int) -> int:
    return 2 * number


@op
def count(numbers: list[int]) -> int:
    return len(numbers)


@graph
def static() -> None:
    for number in range(28):
        one.alias(f"one_{number}")()


@graph
def retried() -> None:
    for number in range(28):
        fails_first.alias(f"fails_first_{number}")()


@graph
def mapped() -> None:
    count(numbers().map(double).collect())


static_ours = static.to_job(name="static_ours", executor_def=dask_executor)
retried_ours = retried.to_job(name="retried_ours", executor_def=dask_executor)
mapped_ours = mapped.to_job(name="mapped_ours", executor_def=dask_executor)
mapped_multiprocess = mapped.to_job(name="mapped_multiprocess", executor_def=multiprocess_executor)


def static_dagster_dask() -> JobDefinition:
    """A function, so that only what needs dagster-dask waits for its import."""
    from dagster_dask import dask_executor as other

    return static.to_job(name="static_dagster_dask", executor_def=other)
