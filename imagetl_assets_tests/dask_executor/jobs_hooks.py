"""Jobs with hooks."""

from pathlib import Path

from dagster import HookContext, RetryPolicy, failure_hook, job, op, success_hook

from imagetl_assets.dask_executor import dask_executor


def note(context: HookContext, what: str) -> None:
    run = context.instance.get_run_by_id(context.run_id)
    assert run is not None
    with Path(run.tags["marks"], "hooks").open("a") as lines:
        lines.write(f"{context.step_key} {what}\n")


@success_hook
def on_success(context: HookContext) -> None:
    note(context, "succeeded")


@failure_hook
def on_failure(context: HookContext) -> None:
    note(context, f"failed with {type(context.op_exception).__name__}")


@success_hook
def broken_hook(context: HookContext) -> None:
    raise ValueError("on purpose")


@op
def succeeds() -> int:
    return 1


@op(retry_policy=RetryPolicy(max_retries=1))
def fails() -> int:
    raise KeyError("on purpose")


@op
def never_run(number: int) -> None: ...


@job(executor_def=dask_executor, hooks={on_success, on_failure, broken_hook})
def hooked_job() -> None:
    succeeds()
    never_run(fails())
