"""Opens the cluster of the executor's config for the time of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from imagetl_assets.dask_executor.clusters.cluster import Cluster
from imagetl_assets.dask_executor.clusters.connecting import connect
from imagetl_assets.dask_executor.clusters.starting import is_starting, start


@contextmanager
def open_cluster(
    kind: str, options: Mapping[str, Any], job_name: str, warm_up: str, patience: float
) -> Iterator[Cluster]:
    """Connect to the cluster of the executor's config, starting it unless it exists.

    Args:
        kind: `existing`, or a key of `kinds.KINDS`.
        options: the config of that kind.
        job_name: of the run, for clusters that have names.
        warm_up: Python source that the workers of a local cluster run when they start.
        patience: how many seconds to wait for the scheduler.

    Raises:
        DaskClusterError: the cluster cannot be started or reached.
    """
    if kind == "existing":
        with connect(options["address"], patience) as client:
            yield Cluster(client)
        return
    started = start(kind, options, job_name, warm_up)
    try:
        # By its address, as a client that is given the cluster object waits for all workers.
        security = getattr(started, "security", None)
        with connect(started.scheduler_address, patience, security) as client:
            expected = len(getattr(started, "worker_spec", ()))
            yield Cluster(client, expected, partial(is_starting, started))
    finally:
        started.close()
