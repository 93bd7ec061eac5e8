"""Jobs in which steps follow on each other, so that one worker can run them in a row."""

import os
from collections.abc import Iterator

from dagster import DagsterEventType, OpExecutionContext, Out, Output, RetryPolicy, job, op

from imagetl_assets.dask_executor import dask_executor
from imagetl_assets_tests.dask_executor.jobs import mark
from imagetl_assets_tests.dask_executor.jobs_harmful import kill_worker
from imagetl_assets_tests.dask_executor.jobs_isolation import broken


@op
def first(context: OpExecutionContext) -> int:
    mark(context, str(os.getpid()))
    return 1


@op
def then(context: OpExecutionContext, number: int) -> int:
    mark(context, str(os.getpid()))
    return number + 1


@op
def fails_then(context: OpExecutionContext, number: int) -> int:
    mark(context)
    raise ValueError("on purpose")


@op(pool="narrow")
def in_pool(number: int) -> int:
    return number


@op(tags={"dagster/concurrency_key": "narrow"})
def by_tag(number: int) -> int:
    return number


@op
def succeeded_before(context: OpExecutionContext, number: int) -> list[str]:
    """Return what the event log says when this starts."""
    entries = context.instance.all_logs(context.run_id, of_type=DagsterEventType.STEP_SUCCESS)
    return [str(entry.step_key) for entry in entries]


@op(retry_policy=RetryPolicy(max_retries=1))
def fails_once(context: OpExecutionContext, number: int) -> int:
    if mark(context) == 1:
        raise ValueError("on purpose")
    return number


@op(out=Out(int, is_required=False))
def gives_nothing(number: int) -> Iterator[Output[int]]:
    yield from ()


@op
def kills_then(context: OpExecutionContext, number: int) -> int:
    """Kills its worker the first time."""
    if mark(context) == 1:
        kill_worker()
    return number


@op(required_resource_keys={"broken"})
def then_needs_broken(number: int) -> int:
    return number


@job(executor_def=dask_executor)
def fork_job() -> None:
    """Of two steps that follow on `start`, more steps wait for `near` than for `aside`."""
    start = first.alias("start")()
    then.alias("aside")(start)
    then.alias("far")(then.alias("near")(start))


@job(executor_def=dask_executor)
def pool_job() -> None:
    in_pool(first())


@job(executor_def=dask_executor)
def tag_job() -> None:
    by_tag(first())


@job(executor_def=dask_executor)
def log_job() -> None:
    succeeded_before(then(first()))


@job(executor_def=dask_executor)
def retried_row_job() -> None:
    then.alias("after")(fails_once(first()))


@job(executor_def=dask_executor)
def skipped_row_job() -> None:
    then.alias("skipped")(gives_nothing(first()))


@job(executor_def=dask_executor)
def failing_row_job() -> None:
    then.alias("never")(fails_then(first()))


@job(executor_def=dask_executor)
def lossy_row_job() -> None:
    then.alias("after")(kills_then(first.alias("before")()))


@job(executor_def=dask_executor, resource_defs={"broken": broken})
def broken_row_job() -> None:
    then_needs_broken(first())
