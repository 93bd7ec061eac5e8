"""Jobs whose steps kill their worker, block, or never end."""

import os
import signal
import sys
import time
from collections.abc import Iterator

import psutil
from dagster import DynamicOut, DynamicOutput, OpExecutionContext, RetryPolicy, job, op

from imagetl_assets.dask_executor import dask_executor
from imagetl_assets_tests.dask_executor.jobs import mark


def kill_worker() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@op
def harmless(context: OpExecutionContext) -> int:
    return mark(context)


@op(retry_policy=RetryPolicy(max_retries=1))
def kills_one_worker(context: OpExecutionContext) -> int:
    if mark(context, f"try {context.retry_number}") == 1:
        kill_worker()
    return 1


@op
def kills_every_worker(context: OpExecutionContext) -> int:
    mark(context)
    kill_worker()
    return 1


@op
def downstream(context: OpExecutionContext, number: int) -> int:
    return mark(context)


@op(out=DynamicOut(int))
def kills_after_two_outputs(context: OpExecutionContext) -> Iterator[DynamicOutput[int]]:
    times = mark(context)
    for number in range(3):
        if times == 1 and number == 2:
            time.sleep(0.5)  # until the first outputs are reported
            kill_worker()
        yield DynamicOutput(number, mapping_key=f"n{number}")


@job(executor_def=dask_executor)
def one_loss_job() -> None:
    """On one worker: some steps before and some after the one that kills it."""
    for number in range(4):
        harmless.alias(f"before_{number}")()
    downstream(kills_one_worker())
    for number in range(4):
        harmless.alias(f"later_{number}")()


@job(executor_def=dask_executor)
def deadly_job() -> None:
    downstream(kills_every_worker())
    for number in range(4):
        harmless.alias(f"independent_{number}")()


@job(executor_def=dask_executor)
def dynamic_loss_job() -> None:
    kills_after_two_outputs().map(downstream)


@op(out=DynamicOut(int))
def three_numbers() -> Iterator[DynamicOutput[int]]:
    for number in range(3):
        yield DynamicOutput(number, mapping_key=f"n{number}")


@op
def slow(context: OpExecutionContext, number: int) -> int:
    """The second time round, n1 is not slow any more."""
    if mark(context) == 1 and number == 1:
        time.sleep(60)
    return number


@op
def total(numbers: list[int]) -> int:
    return sum(numbers)


@job(executor_def=dask_executor)
def slow_then_more_job() -> None:
    total(three_numbers().map(slow).collect())


@op
def sleeps(context: OpExecutionContext) -> None:
    """Blocks in one call: cannot be interrupted from outside its thread."""
    mark(context)
    time.sleep(600)


@op
def loops(context: OpExecutionContext) -> None:
    mark(context)
    try:
        while True:
            time.sleep(0.01)
    except BaseException as error:
        mark(context, type(error).__name__)
        raise


@job(executor_def=dask_executor)
def sleeping_job() -> None:
    sleeps()


@job(executor_def=dask_executor)
def looping_job() -> None:
    for number in range(4):
        loops.alias(f"loops_{number}")()


@op
def interrupts_itself(context: OpExecutionContext) -> None:
    mark(context)
    raise KeyboardInterrupt


@op
def exits(context: OpExecutionContext) -> None:
    mark(context)
    sys.exit(3)


@op
def counts_children(context: OpExecutionContext) -> int:
    """Of the process that it runs in."""
    print("something to capture")
    return len(psutil.Process().children(recursive=True))


@job(executor_def=dask_executor)
def leaving_job() -> None:
    """On one worker, in one batch."""
    harmless.alias("first")()
    interrupts_itself()
    exits()
    harmless.alias("last")()


@job(executor_def=dask_executor)
def children_job() -> None:
    counts_children()
