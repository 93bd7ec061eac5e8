"""Opens the cluster that a run asks for, for the time of the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from imagetl_assets.dask_executor.clusters.cluster import Cluster
from imagetl_assets.dask_executor.clusters.connecting import connect
from imagetl_assets.dask_executor.clusters.starting import adapt, is_starting, start
from imagetl_assets.dask_executor.clusters.wanted import WantedCluster


@contextmanager
def open_cluster(wanted: WantedCluster, job_name: str, warm_up: str) -> Iterator[Cluster]:
    """Connect to a cluster, starting it unless it exists.

    Args:
        wanted: which cluster.
        job_name: of the run, for clusters that have names.
        warm_up: Python source that the workers of a local cluster run when they start.

    Raises:
        DaskClusterError: the cluster cannot be started or reached.
    """
    kind, options, patience = wanted.kind, wanted.options, wanted.patience
    if kind == "existing":
        with connect(options["address"], patience) as client:
            yield Cluster(client)
        return
    started = start(kind, options, job_name, warm_up)
    try:
        if wanted.adapt:
            adapt(started, kind, wanted.adapt)
        # By its address, as a client that is given the cluster object waits for all workers.
        security = getattr(started, "security", None)
        with connect(started.scheduler_address, patience, security) as client:
            workers = len(getattr(started, "worker_spec", ())) or options.get("n_workers") or 0
            expected = max(workers, wanted.adapt.get("maximum", 0))
            yield Cluster(client, expected, partial(is_starting, started))
    finally:
        started.close()
