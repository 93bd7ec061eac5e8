"""Jobs of trivial steps, each for three executors."""

from dagster import (
    JobDefinition,
    OpExecutionContext,
    RetryRequested,
    graph,
    multiprocess_executor,
    op,
)

from imagetl_assets.dask_executor import dask_executor
from testbed.trivial_ops import double, numbers, one, total


@op
def fails_first(context: OpExecutionContext) -> int:
    if context.retry_number == 0:
        raise RetryRequested(max_retries=1)
    return 1


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
    total(numbers().map(double).collect())


static_ours = static.to_job(name="static_ours", executor_def=dask_executor)
retried_ours = retried.to_job(name="retried_ours", executor_def=dask_executor)
mapped_ours = mapped.to_job(name="mapped_ours", executor_def=dask_executor)
static_multiprocess = static.to_job(name="static_multiprocess", executor_def=multiprocess_executor)
retried_multiprocess = retried.to_job(
    name="retried_multiprocess", executor_def=multiprocess_executor
)
mapped_multiprocess = mapped.to_job(name="mapped_multiprocess", executor_def=multiprocess_executor)


def static_dagster_dask() -> JobDefinition:
    """Return the job. It is a function because the import of dagster-dask takes long."""
    from dagster_dask import dask_executor as other

    return static.to_job(name="static_dagster_dask", executor_def=other)
