"""Steps that compute with Dask on the cluster that they run on, in each of Dask's ways.

A task that waits for futures has to secede first, or its worker's threads may all wait: that is so
for any task of Dask, and not tried here.
"""

from typing import Any

from dagster import JobDefinition, OpDefinition, OpExecutionContext, job, op
from dask.base import compute
from dask.delayed import delayed
from distributed import (
    as_completed,
    get_client,
    get_worker,
    rejoin,
    secede,
    worker_client,
)

from imagetl_assets.dask_executor import dask_client, dask_executor

COUNT = 4
RESULT = sum(2**number for number in range(COUNT))


def power(number: int) -> int:
    result: int = 2**number
    return result


@op
def collections() -> int:
    """A collection, computed by the client of the worker."""
    get_client()
    results = compute(*[delayed(power)(number) for number in range(COUNT)])  # type: ignore[no-untyped-call]
    return int(sum(results))


@op
def with_a_worker_client() -> int:
    with worker_client() as client:
        tasks = client.map(power, range(COUNT), pure=False)
        return sum(future.result() for future in as_completed(tasks))


@op
def secedes() -> int:
    """Leaves the thread pool by itself, and does not come back before it waits."""
    client = get_client()
    tasks = client.map(power, range(COUNT), pure=False)
    secede()
    results = client.gather(tasks)
    rejoin()
    return int(sum(results))


@op
def secedes_for_good() -> int:
    client = get_client()
    tasks = client.map(power, range(COUNT), pure=False)
    secede()
    return int(sum(client.gather(tasks)))


class Adder:
    total = 0

    def add(self, number: int) -> int:
        self.total += power(number)
        return self.total


@op
def actors() -> int:
    client = get_client()
    with worker_client():
        adder: Any = client.submit(Adder, actor=True, pure=False).result()
        for number in range(COUNT):
            total: int = adder.add(number).result()
    return total


@op(required_resource_keys={"dask"})
def with_the_resource(context: OpExecutionContext) -> int:
    client = context.resources.dask
    return int(sum(client.gather(client.map(power, range(COUNT), pure=False))))


@op
def knows_its_worker() -> int:
    return RESULT if get_worker().address else 0


WAYS: tuple[OpDefinition, ...] = (
    collections,
    with_a_worker_client,
    secedes,
    secedes_for_good,
    actors,
    with_the_resource,
    knows_its_worker,
)


def _nested(way: OpDefinition) -> JobDefinition:
    """Four steps in batches of their own, as they differ in priority: a worker has two of them."""

    resources = {"dask": dask_client} if way is with_the_resource else {}

    @job(name=f"{way.name}_job", executor_def=dask_executor, resource_defs=resources)
    def nested() -> None:
        for priority in range(4):
            way.alias(f"step_{priority}").tag({"dagster/priority": str(priority)})()

    return nested


@job(executor_def=dask_executor, resource_defs={"dask": dask_client})
def mixed_job() -> None:
    """All ways in batches together. Two of each, as the first may leave the pool for good."""
    for way in WAYS:
        for number in range(2):
            way.alias(f"{way.name}_{number}")()


collections_job = _nested(collections)
with_a_worker_client_job = _nested(with_a_worker_client)
secedes_job = _nested(secedes)
secedes_for_good_job = _nested(secedes_for_good)
actors_job = _nested(actors)
with_the_resource_job = _nested(with_the_resource)
knows_its_worker_job = _nested(knows_its_worker)
