"""A Dask client for steps that compute with Dask themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagster import resource

if TYPE_CHECKING:
    from distributed import Client


@resource(description="A client of the Dask cluster that the step runs on.")
def dask_client() -> Iterator[Client]:
    """Provide a client of the Dask cluster that the step runs on. Example:

    .. code-block:: python

        from dagster import job, op
        from imagetl_assets.dask_executor import dask_client, dask_executor

        @op(required_resource_keys={"dask"})
        def sums(context):
            futures = context.resources.dask.map(sum, [[1, 2], [3, 4]])
            return context.resources.dask.gather(futures)

        @job(executor_def=dask_executor, resource_defs={"dask": dask_client})
        def my_job():
            sums()

    While the resource is there, the step has left its place in the worker's thread pool to what it
    waits for. An isolated step is no task of Dask, and computes with Dask by this client only.
    In a process that is no Dask worker, as with Dagster's in-process executor, it is a
    client of a cluster of one worker in this process.
    """
    from distributed import Client, get_worker, worker_client

    from imagetl_assets.dask_executor.worker import step_process

    if step_process.this_process:
        with step_process.this_process.dask_client() as client:
            yield client
        return
    try:
        get_worker()
    except ValueError:
        with Client(
            processes=False, n_workers=1, dashboard_address=None, set_as_default=False
        ) as client:
            yield client
        return
    with worker_client() as client:
        yield client
