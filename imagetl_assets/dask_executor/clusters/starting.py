"""Starts a cluster of a kind."""

from __future__ import annotations

import difflib
import importlib
import inspect
import shlex
import shutil
from collections.abc import Mapping
from typing import Any

from dask.system import CPU_COUNT
from distributed import LocalCluster, Nanny, SpecCluster, Status, Worker
from distributed.system import MEMORY_LIMIT

from imagetl_assets.dask_executor.clusters.errors import DaskClusterError
from imagetl_assets.dask_executor.clusters.kinds import KINDS, ClusterKind
from imagetl_assets.dask_executor.clusters.worker_settings import set_worker_defaults

BATCH_DURATION = "1s"
"""Dask adds workers if the work would take longer than this. A batch takes about as long."""


def start(kind: str, options: Mapping[str, Any], job_name: str, warm_up: str) -> Any:
    """Start a cluster, without waiting for its workers.

    Args:
        kind: a key of `KINDS`, or `class`.
        options: keyword arguments for the cluster's class; for `class`, its `path` and `options`.
        job_name: the cluster's name, where its kind has names and `options` gives none.
        warm_up: Python source that the workers of a local cluster run when they start.

    Raises:
        DaskClusterError: its package or its programs are missing, or its class raises an error.
    """
    try:
        if kind == "class":
            return _class_at(options["path"])(**options.get("options", {}))
        return _start(kind, options, job_name, warm_up)
    except DaskClusterError:
        raise
    except Exception as error:
        raise DaskClusterError(
            f"A cluster of kind {kind!r} cannot be started: {type(error).__name__}: {error}. "
            f"Correct what the executor's config has under {kind!r}, or look into the log of what "
            "starts such clusters."
        ) from error


def _start(kind: str, options: Mapping[str, Any], job_name: str, warm_up: str) -> Any:
    row = KINDS[kind]
    cluster_class = _class_of(kind, row)
    if cluster_class is LocalCluster:
        return _start_local(options, warm_up)
    _check_programs(kind, cluster_class)
    all_options = {**row.defaults(job_name), **options}
    workers = all_options.pop("n_workers", 0) if row.starts_empty else 0
    cluster = cluster_class(**all_options)
    if workers:
        cluster.scale(workers)
    return cluster


def adapt(cluster: Any, kind: str, options: Mapping[str, Any]) -> None:
    """Have a cluster grow and shrink with the work there is.

    Args:
        cluster: from `start`.
        kind: of it, for the message.
        options: of its method `adapt`, such as `minimum` and `maximum`.

    Raises:
        DaskClusterError: this kind of cluster cannot.
    """
    try:
        # Others, as in Kubernetes and at a gateway, look at the work in ways of their own.
        has_dasks_way = isinstance(cluster, SpecCluster)
        defaults = {"target_duration": BATCH_DURATION} if has_dasks_way else {}
        cluster.adapt(**{**defaults, **options})
    except Exception as error:
        raise DaskClusterError(
            f"A cluster of kind {kind!r} cannot adapt with {dict(options)}: "
            f"{type(error).__name__}: {error}. Remove adapt from the executor's config, or correct "
            "it."
        ) from error


def is_starting(cluster: Any) -> bool:
    """Whether a cluster that was started here has workers that start, and have not joined yet.

    A batch system counts a job that waits in its queue as one, too.
    """
    wanted = getattr(cluster, "worker_spec", {})
    made = getattr(cluster, "workers", {})
    alive = (Status.undefined, Status.created, Status.init, Status.starting, Status.running)
    return len(made) < len(wanted) or any(
        getattr(worker, "status", None) in alive for worker in made.values()
    )


def _class_of(name: str, kind: ClusterKind) -> Any:
    try:
        return getattr(importlib.import_module(kind.module), kind.class_name)
    except ImportError as error:
        way_out = kind.way_out or f"Install {kind.package}."
        raise DaskClusterError(
            f"A cluster of kind {name!r} needs the package {kind.package}: {error}. {way_out}"
        ) from None


def _class_at(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise DaskClusterError(
            f"The cluster class {path!r} of the executor's config cannot be imported: {error}. "
            "Give the full name of a class, such as dask_cloudprovider.aws.FargateCluster, and "
            "install its package."
        ) from None


def _check_programs(kind: str, cluster_class: Any) -> None:
    """Refuse a batch system whose programs are not there: dask-jobqueue would wait for workers."""
    job = getattr(cluster_class, "job_cls", None)
    if job is None:
        return
    commands = (job.submit_command, job.cancel_command)
    programs = [shlex.split(command)[0] for command in commands]
    if missing := [name for name in programs if not shutil.which(name)]:
        raise DaskClusterError(
            f"A cluster of kind {kind!r} is started and stopped with the programs "
            f"{' and '.join(missing)}, which this process does not find in its PATH. Start the run "
            "on a host from which jobs are submitted, correct its PATH, or use a cluster that runs "
            "already: {existing: {address: ...}}."
        )


def _start_local(options: Mapping[str, Any], warm_up: str) -> Any:
    """Start a cluster on this machine. Its workers load the definitions while the run begins."""
    if "worker_class" not in options:
        _check_options(options)
    workers = options.get("n_workers") or CPU_COUNT
    defaults = {
        "threads_per_worker": 1,  # Dagster is not thread-safe.
        "dashboard_address": "127.0.0.1:0",  # A port of its own, as there may be several runs.
        "memory_limit": MEMORY_LIMIT // workers,
        "preload": [warm_up],
    }
    if options.get("processes", True):
        set_worker_defaults()
    cluster: Any = LocalCluster(**{**defaults, **options, "n_workers": 0})
    cluster.scale(workers)
    return cluster


def _check_options(options: Mapping[str, Any]) -> None:
    """Refuse what neither the cluster nor its workers take: no worker would start, in silence."""
    classes = {base for kind in (LocalCluster, Nanny, Worker) for base in kind.__mro__}
    makers = [vars(one)["__init__"] for one in classes if "__init__" in vars(one)]
    known = {name for maker in makers for name in inspect.signature(maker).parameters}
    for name in options:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise DaskClusterError(
                f"A cluster of kind 'local' has no option {name!r}.{hint} Correct what the "
                "executor's config has under 'local'."
            )
