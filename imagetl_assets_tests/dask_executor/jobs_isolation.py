"""Jobs that would notice, or bring about, that one step or run disturbs another."""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dagster import (
    DynamicOut,
    DynamicOutput,
    In,
    InitResourceContext,
    Nothing,
    OpExecutionContext,
    RetryPolicy,
    job,
    op,
    resource,
)

from imagetl_assets.dask_executor import dask_executor
from imagetl_assets_tests.dask_executor.jobs import mark

# Runs at the same time


@op(out=DynamicOut(str))
def own_run_id(context: OpExecutionContext) -> Iterator[DynamicOutput[str]]:
    mark(context, context.run_id)
    for number in range(5):
        yield DynamicOutput(context.run_id, mapping_key=str(number))


@op
def pass_on(context: OpExecutionContext, run_id: str) -> str:
    """Fails if what it is given is another run's; notes its process and when it ran."""
    assert run_id == context.run_id
    start = time.time()
    time.sleep(0.05)
    mark(context, f"{run_id} {os.getpid()} {start} {time.time()}")
    return run_id


@op
def all_are_own(context: OpExecutionContext, run_ids: list[str]) -> int:
    assert set(run_ids) == {context.run_id}
    return len(run_ids)


@job(executor_def=dask_executor)
def own_values_job() -> None:
    all_are_own(own_run_id().map(pass_on).collect())


# The working directory


@op(ins={"after": In(Nothing)})
def where(context: OpExecutionContext) -> None:
    mark(context, os.getcwd())


@op
def goes_elsewhere(context: OpExecutionContext) -> None:
    os.chdir(context.run.tags["marks"])


@op
def goes_elsewhere_and_fails(context: OpExecutionContext) -> None:
    os.chdir(context.run.tags["marks"])
    raise ValueError("on purpose")


@op
def goes_where_nothing_is() -> None:
    folder = Path(tempfile.mkdtemp())
    os.chdir(folder)
    folder.rmdir()


@job(executor_def=dask_executor)
def working_directory_job() -> None:
    """Steps that are ready at the same time, so that one worker runs them in one batch."""
    where.alias("at_first")()
    goes_elsewhere()
    where.alias("after_going")()
    goes_elsewhere_and_fails()
    where.alias("after_failing")()
    where.alias("downstream")(goes_where_nothing_is())
    where.alias("at_last")()


# Resources


@resource
def broken(_context: InitResourceContext) -> None:
    raise ValueError("the resource is broken on purpose")


@resource
def broken_at_first(context: InitResourceContext) -> str:
    """Starts from its second attempt in a run on."""
    assert context.run is not None
    attempts = Path(context.run.tags["marks"], "attempts")
    with attempts.open("a") as lines:
        lines.write("attempt\n")
    if len(attempts.read_text().splitlines()) < 2:
        raise ValueError("the resource is broken at first")
    return "works"


@resource
def works(_context: InitResourceContext) -> str:
    return "works"


@op(required_resource_keys={"broken"})
def needs_broken() -> int:
    return 1


@op(required_resource_keys={"works"})
def needs_works(context: OpExecutionContext) -> str:
    mark(context)
    return str(context.resources.works)


@op
def needs_nothing(context: OpExecutionContext) -> None:
    mark(context)


@op
def after_broken(number: int) -> int:
    return number


@job(executor_def=dask_executor, resource_defs={"broken": broken, "works": works})
def broken_resource_job() -> None:
    """Steps that are ready at the same time, so that one worker gets them in one batch."""
    needs_works.alias("before")()
    after_broken(needs_broken())
    needs_works.alias("after")()
    needs_nothing()


@op(required_resource_keys={"resource"}, retry_policy=RetryPolicy(max_retries=2))
def needs_a_resource(context: OpExecutionContext) -> None:
    mark(context, str(context.resources.resource))


@job(executor_def=dask_executor, resource_defs={"resource": broken_at_first})
def resource_retry_job() -> None:
    needs_a_resource()
