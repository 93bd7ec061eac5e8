"""Jobs that talk: to the log, to Python's logging, to stdout and stderr."""

import logging
import subprocess
import sys
import time
from functools import cache
from typing import Any

from dagster import AssetKey, AssetMaterialization, OpExecutionContext, job, op
from sqlalchemy import Engine, create_engine, event, text

from imagetl_assets.dask_executor import dask_executor
from imagetl_assets.dask_executor.worker.steps import BATCH_SECONDS
from imagetl_assets_tests.dask_executor.jobs import mark

LOGGER = "imagetl_assets_tests.managed"
LINES = 6


@op
def talks_for_a_while(context: OpExecutionContext) -> None:
    for number in range(LINES):
        context.log.info(f"line {number}")
        time.sleep(0.6)


@job(executor_def=dask_executor)
def talking_job() -> None:
    talks_for_a_while()


@op
def logs_in_every_way(context: OpExecutionContext) -> None:
    context.log.info("by the context's log")
    logging.getLogger(LOGGER).warning("by a managed logger")
    logging.getLogger("imagetl_assets_tests.not_managed").warning("by a logger of its own")
    context.log_event(AssetMaterialization(AssetKey("seen")))


@job(executor_def=dask_executor)
def logging_job() -> None:
    logs_in_every_way()


@op
def prints(context: OpExecutionContext) -> None:
    step = context.op_handle.name
    print(f"{step} to stdout")
    print(f"{step} to stderr", file=sys.stderr)
    subprocess.run([sys.executable, "-c", f"print('{step} from a process')"], check=True)
    time.sleep(BATCH_SECONDS)  # so that the worker hands other steps of its batch back


@job(executor_def=dask_executor)
def printing_job() -> None:
    for number in range(3):
        prints.alias(f"prints_{number}")()


# Who writes


@cache
def _statements() -> list[str]:
    """The kinds of statements that SQLAlchemy executes in this process from now on."""
    kinds: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        kinds.append(statement.split()[0].upper())

    event.listen(Engine, "before_cursor_execute", note)
    return kinds


@op
def watches_databases() -> int:
    _statements()
    return 1


@op
def talks(context: OpExecutionContext, number: int) -> int:
    context.log.info("writes to no database for this")
    context.log_event(AssetMaterialization(AssetKey("told")))
    return number


@op
def tells_what_was_executed(context: OpExecutionContext, number: int) -> None:
    with create_engine("sqlite://").connect() as connection:
        connection.execute(text("DROP TABLE IF EXISTS none"))  # the watch itself works
    mark(context, " ".join(_statements()))


@job(executor_def=dask_executor)
def watching_job() -> None:
    tells_what_was_executed(talks(watches_databases()))
