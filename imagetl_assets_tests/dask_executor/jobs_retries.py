"""Jobs whose steps are retried."""

from dagster import (
    Backoff,
    Failure,
    Jitter,
    JobDefinition,
    OpExecutionContext,
    RetryPolicy,
    RetryRequested,
    graph,
    in_process_executor,
    job,
    op,
)

from imagetl_assets.dask_executor import dask_executor
from imagetl_assets_tests.dask_executor.jobs import mark
from testbed.trivial_ops import double


def note_try(context: OpExecutionContext) -> None:
    mark(context, str(context.retry_number))


@op(retry_policy=RetryPolicy(max_retries=2))
def fails_twice(context: OpExecutionContext) -> int:
    note_try(context)
    if context.retry_number < 2:
        raise ValueError("on purpose")
    return 1


@op(retry_policy=RetryPolicy(max_retries=1))
def fails_always(context: OpExecutionContext) -> int:
    note_try(context)
    raise ValueError("on purpose")


@op
def asks_for_a_retry(context: OpExecutionContext) -> int:
    note_try(context)
    if context.retry_number == 0:
        raise RetryRequested(max_retries=1, seconds_to_wait=0.3)
    return 1


@op(retry_policy=RetryPolicy(max_retries=3))
def fails_for_good(context: OpExecutionContext) -> int:
    note_try(context)
    raise Failure("not worth a retry", allow_retries=False)


@op(
    retry_policy=RetryPolicy(
        max_retries=3, delay=0.1, backoff=Backoff.EXPONENTIAL, jitter=Jitter.FULL
    )
)
def backs_off(context: OpExecutionContext) -> int:
    note_try(context)
    if context.retry_number < 3:
        raise ValueError("on purpose")
    return 1


@graph
def retries() -> None:
    double.alias("after_two_failures")(fails_twice())
    double.alias("never_run")(fails_always())
    double.alias("after_request")(asks_for_a_retry())
    double.alias("never_run_either")(fails_for_good())


def retries_job() -> JobDefinition:
    return retries.to_job(executor_def=dask_executor)


def retries_in_process_job() -> JobDefinition:
    return retries.to_job(executor_def=in_process_executor)


@job(executor_def=dask_executor)
def backoff_job() -> None:
    backs_off()


@op
def waits_for_its_retry(context: OpExecutionContext) -> int:
    if context.retry_number == 0:
        raise RetryRequested(seconds_to_wait=3)
    return 1


@op
def goes_on(number: int) -> int:
    return number


@op
def starts() -> int:
    return 1


@job(executor_def=dask_executor)
def waiting_retry_job() -> None:
    """A chain of steps that one worker can run while another step waits for its retry."""
    waits_for_its_retry()
    number = starts()
    for link in range(4):
        number = goes_on.alias(f"link_{link}")(number)
