"""The table of cluster kinds. To add a kind is to add a row.

The kinds are those of dagster-dask's executor, whose config this one takes, and `gateway`. Two
kinds of the config are not in the table: for `existing`, nothing is started, and `class` names any
other class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ClusterKind:
    """A kind of cluster that is started for a run, and stopped after it.

    Attributes:
        module: where its class is.
        class_name: the class, which takes the config of the kind as keyword arguments.
        package: what to install if the module is missing.
        defaults: from the job's name to arguments that the config may override.
        way_out: what to do if the module is missing, where to install the package does not help.
        starts_empty: whether the class starts it without workers and takes no `n_workers`, so that
            it has to be scaled.
    """

    module: str
    class_name: str
    package: str
    defaults: Callable[[str], Mapping[str, Any]] = lambda job_name: {"name": job_name}
    way_out: str = ""
    starts_empty: bool = False


def _no_defaults(job_name: str) -> Mapping[str, Any]:
    return {}


def _kubernetes_name(job_name: str) -> Mapping[str, Any]:
    """Return a name that Kubernetes allows: it follows the rules for host names."""
    return {"name": job_name.replace("_", "-").lower()}


_YARN_WAY_OUT = (
    "The latest dask-yarn, 0.9, does not work with the distributed of today. Start a Dask "
    "scheduler and workers in YARN by other means and use them as a cluster that runs already: "
    "{existing: {address: ...}}."
)

KINDS: Mapping[str, ClusterKind] = {
    "local": ClusterKind("distributed", "LocalCluster", "distributed", _no_defaults),
    "ssh": ClusterKind("distributed", "SSHCluster", "distributed", _no_defaults),
    "yarn": ClusterKind("dask_yarn", "YarnCluster", "dask-yarn", way_out=_YARN_WAY_OUT),
    "kube": ClusterKind(
        "dask_kubernetes.operator", "KubeCluster", "dask-kubernetes", _kubernetes_name
    ),
    "gateway": ClusterKind(
        "dask_gateway", "GatewayCluster", "dask-gateway", _no_defaults, starts_empty=True
    ),
    "pbs": ClusterKind("dask_jobqueue", "PBSCluster", "dask-jobqueue"),
    "moab": ClusterKind("dask_jobqueue", "MoabCluster", "dask-jobqueue"),
    "sge": ClusterKind("dask_jobqueue", "SGECluster", "dask-jobqueue"),
    "lsf": ClusterKind("dask_jobqueue", "LSFCluster", "dask-jobqueue"),
    "slurm": ClusterKind("dask_jobqueue", "SLURMCluster", "dask-jobqueue"),
    "oar": ClusterKind("dask_jobqueue", "OARCluster", "dask-jobqueue"),
}
