"""Jobs whose steps run in processes of their own, and what is hard on a process."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from dagster import (
    DynamicOut,
    DynamicOutput,
    OpExecutionContext,
    RetryPolicy,
    job,
    op,
)

from imagetl_assets.dask_executor import dask_client, dask_executor
from imagetl_assets.dask_executor.run.needs import ISOLATE_TAG
from imagetl_assets_tests.dask_executor.jobs import mark
from imagetl_assets_tests.dask_executor.jobs_isolation import broken_at_first

ISOLATED = {ISOLATE_TAG: "true"}
LEAK: list[bytes] = []


@op(out=DynamicOut(int))
def two() -> Iterator[DynamicOutput[int]]:
    for number in range(2):
        yield DynamicOutput(number, mapping_key=str(number))


@op(tags=ISOLATED)
def leaks(context: OpExecutionContext, number: int) -> int:
    LEAK.append(b"x" * 1000)
    os.environ["LEAKED"] = "yes"
    mark(context, f"{os.getpid()} {len(LEAK)}")
    return number


@op
def remains_clean(context: OpExecutionContext, numbers: list[int]) -> int:
    """In the worker's own process, after the others."""
    mark(context, f"{os.getpid()} {len(LEAK)} {'LEAKED' in os.environ}")
    return sum(numbers)


@job(executor_def=dask_executor)
def leaking_job() -> None:
    remains_clean(two().map(leaks).collect())


def square(number: int) -> int:
    return number**2


@op(tags=ISOLATED)
def uses_processes() -> int:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return sum(pool.map(square, range(4)))


@op(tags=ISOLATED)
def terminates_processes() -> int:
    """Tell how many of some processes, each terminated as soon as it was forked, live on."""
    children = [multiprocessing.get_context("fork").Process(target=signal.pause) for _ in range(50)]
    for child in children:
        child.start()
        child.terminate()
    deadline = time.monotonic() + 5
    for child in children:
        child.join(max(0, deadline - time.monotonic()))
    return sum(child.is_alive() for child in children)


@job(executor_def=dask_executor)
def multiprocessing_job() -> None:
    uses_processes()
    terminates_processes()


SLEEP = "import time; time.sleep(600)"


@op(tags=ISOLATED)
def leaves_processes() -> list[int]:
    """Leaves one in its group, and one in a session of its own, whose parent has ended."""
    child = subprocess.Popen([sys.executable, "-c", SLEEP])
    program = (
        "import subprocess, sys; "
        f"print(subprocess.Popen([sys.executable, '-c', '{SLEEP}'], start_new_session=True, "
        "stdout=subprocess.DEVNULL).pid)"
    )
    told = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    return [child.pid, int(told.stdout)]


@job(executor_def=dask_executor)
def leaving_job() -> None:
    leaves_processes()


@op(tags=ISOLATED)
def exits_at_once(context: OpExecutionContext) -> None:
    context.log.info("the last words")
    print("printed before", flush=True)
    os._exit(3)


@op(tags=ISOLATED, retry_policy=RetryPolicy(max_retries=1))
def is_killed_once(context: OpExecutionContext) -> int:
    if mark(context, f"try {context.retry_number}") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1


@op
def after(context: OpExecutionContext, number: int) -> None:
    mark(context)


@job(executor_def=dask_executor)
def dying_job() -> None:
    exits_at_once()
    after(is_killed_once())


@op(tags=ISOLATED)
def leaves_a_process_and_sleeps(context: OpExecutionContext) -> None:
    child = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    mark(context, f"{os.getpid()} {child.pid}")
    time.sleep(600)


@op(tags=ISOLATED)
def cannot_be_interrupted(context: OpExecutionContext) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    mark(context, str(os.getpid()))
    time.sleep(600)


@op(tags=ISOLATED)
def kills_its_worker_once(context: OpExecutionContext) -> None:
    child = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    if mark(context, f"{os.getpid()} {child.pid}") == 1:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)


@job(executor_def=dask_executor)
def killing_job() -> None:
    kills_its_worker_once()


@job(executor_def=dask_executor)
def sleeping_job() -> None:
    leaves_a_process_and_sleeps()


@job(executor_def=dask_executor)
def stubborn_job() -> None:
    cannot_be_interrupted()


@op(required_resource_keys={"resource"}, retry_policy=RetryPolicy(max_retries=1))
def needs_a_resource(context: OpExecutionContext) -> int:
    if context.retry_number != 1:
        raise ValueError("its first attempt has to fail")
    return os.getpid()


@op(tags={ISOLATE_TAG: "false"})
def in_the_worker() -> int:
    return os.getpid()


@op(tags={ISOLATE_TAG: json.dumps({"python": sys.executable, "env": {"GREETING": "hello"}})})
def greeted() -> str:
    return os.environ["GREETING"]


@op(required_resource_keys={"dask"})
def computes_with_dask(context: OpExecutionContext) -> int:
    return sum(context.resources.dask.gather(context.resources.dask.map(square, range(4))))


@job(executor_def=dask_executor, resource_defs={"resource": broken_at_first, "dask": dask_client})
def isolated_by_config_job() -> None:
    needs_a_resource()
    in_the_worker()
    greeted()
    computes_with_dask()


@op(tags={ISOLATE_TAG: '{"python": "/no/such/python"}'}, retry_policy=RetryPolicy(max_retries=1))
def by_no_python() -> None: ...


@op(tags={ISOLATE_TAG: '{"python": "/bin/false"}'})
def by_what_is_no_python() -> None: ...


@op(tags={ISOLATE_TAG: '{"env": {"A=B": "C"}}'})
def with_no_such_variable() -> None: ...


@job(executor_def=dask_executor)
def cannot_begin_job() -> None:
    """Steps whose processes cannot begin, and one that has nothing to do with them."""
    by_no_python()
    by_what_is_no_python()
    with_no_such_variable()
    in_the_worker()


@op
def anywhere() -> None: ...


@job(executor_def=dask_executor)
def two_places_job() -> None:
    anywhere()
    in_the_worker()


@op(tags={ISOLATE_TAG: "maybe"})
def isolated_maybe() -> None: ...


@job(executor_def=dask_executor)
def misspelt_job() -> None:
    isolated_maybe()
