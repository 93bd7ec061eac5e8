"""Jobs whose steps are limited, ordered, or bound to some of the workers."""

import json
import time
from pathlib import Path

from dagster import OpExecutionContext, job, op
from distributed import get_worker

from imagetl_assets.dask_executor import dask_executor
from imagetl_assets.dask_executor.run.needs import RESOURCES_TAG, WORKERS_TAG
from imagetl_assets_tests.dask_executor.jobs import mark

STEPS = 3


def takes_a_while(context: OpExecutionContext) -> None:
    """Notes when it ran, for `spans`."""
    start = time.time()
    time.sleep(0.3)
    mark(context, f"{start} {time.time()}")


@op
def free(context: OpExecutionContext) -> None:
    takes_a_while(context)


@op(tags={"uses": "database"})
def tagged(context: OpExecutionContext) -> None:
    takes_a_while(context)


@op(pool="database")
def pooled(context: OpExecutionContext) -> None:
    takes_a_while(context)


@job(executor_def=dask_executor)
def free_job() -> None:
    for number in range(STEPS):
        free.alias(f"free_{number}")()


@job(executor_def=dask_executor)
def tagged_job() -> None:
    for number in range(STEPS):
        tagged.alias(f"tagged_{number}")()
        free.alias(f"free_{number}")()


@job(executor_def=dask_executor)
def pooled_job() -> None:
    for number in range(STEPS):
        pooled.alias(f"pooled_{number}")()


@op(pool="database")
def holds(context: OpExecutionContext) -> None:
    """Holds its slot until it is interrupted."""
    mark(context)
    for _ in range(600):
        time.sleep(0.1)


@op(pool="database")
def holds_without_listening(context: OpExecutionContext) -> None:
    """As `holds`, in one call that nothing interrupts."""
    mark(context)
    time.sleep(60)


@job(executor_def=dask_executor)
def holding_job() -> None:
    holds()
    pooled()


@job(executor_def=dask_executor)
def deaf_job() -> None:
    holds_without_listening()
    pooled()


# Order

PRIORITIES = (-1, 5, 0, 9, 2)


@op
def any_op() -> None: ...


@job(executor_def=dask_executor)
def priorities_job() -> None:
    for priority in PRIORITIES:
        any_op.alias(f"priority_{priority}".replace("-", "minus_")).tag(
            {"dagster/priority": str(priority)}
        )()


# Workers


@op(tags={RESOURCES_TAG: json.dumps({"GPU": 1})})
def needs_gpu(context: OpExecutionContext) -> None:
    mark(context, str(get_worker().name))


@job(executor_def=dask_executor)
def gpu_job() -> None:
    for number in range(STEPS):
        needs_gpu.alias(f"needs_gpu_{number}")()


@op(tags={WORKERS_TAG: json.dumps(["large"])})
def needs_large(context: OpExecutionContext) -> None:
    mark(context, str(get_worker().name))


@job(executor_def=dask_executor)
def bound_job() -> None:
    for number in range(STEPS):
        needs_large.alias(f"needs_large_{number}")()


@job(executor_def=dask_executor)
def no_json_job() -> None:
    any_op.tag({RESOURCES_TAG: "GPU=1"})()


@job(executor_def=dask_executor)
def no_list_job() -> None:
    any_op.tag({WORKERS_TAG: '"large"'})()


# Growing


@op
def waits_for_another_worker(context: OpExecutionContext) -> None:
    """Until a step has begun on a second worker, for 120 s at most."""
    mark(context, str(get_worker().address))
    marks, deadline = Path(context.run.tags["marks"]), time.monotonic() + 120
    while len({file.read_text() for file in marks.iterdir()}) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)


@job(executor_def=dask_executor)
def growing_job() -> None:
    for number in range(4):
        waits_for_another_worker.alias(f"waits_{number}")()
