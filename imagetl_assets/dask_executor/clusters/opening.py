"""Opens the cluster of the executor's config for the time of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from imagetl_assets.dask_executor.clusters.cluster import Cluster
from imagetl_assets.dask_executor.clusters.connecting import connect
from imagetl_assets.dask_executor.clusters.starting import adapt, is_starting, start

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.config import ExecutorConfig


@contextmanager
def open_cluster(config: ExecutorConfig, job_name: str, warm_up: str) -> Iterator[Cluster]:
    """Connect to the cluster of the executor's config, starting it unless it exists.

    Args:
        config: of the executor.
        job_name: of the run, for clusters that have names.
        warm_up: Python source that the workers of a local cluster run when they start.

    Raises:
        DaskClusterError: the cluster cannot be started or reached.
    """
    kind, options, patience = config.cluster_kind, config.cluster_options, config.worker_timeout
    if kind == "existing":
        with connect(options["address"], patience) as client:
            yield Cluster(client)
        return
    started = start(kind, options, job_name, warm_up)
    try:
        if config.adapt:
            adapt(started, kind, config.adapt)
        # By its address, as a client that is given the cluster object waits for all workers.
        security = getattr(started, "security", None)
        with connect(started.scheduler_address, patience, security) as client:
            expected = max(len(getattr(started, "worker_spec", ())), config.adapt.get("maximum", 0))
            yield Cluster(client, expected, partial(is_starting, started))
    finally:
        started.close()
