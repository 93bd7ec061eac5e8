"""The cluster's part: connect to a Dask cluster or start one, submit batches, hear of losses."""

from __future__ import annotations

import asyncio
import importlib
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from dask.system import CPU_COUNT
from distributed import CancelledError, Client, Future, Security
from distributed.system import MEMORY_LIMIT

from imagetl_assets.dask_executor.calls import by_name
from imagetl_assets.dask_executor.messages import Message
from imagetl_assets.dask_executor.worker_settings import set_worker_defaults

# Where the cluster classes of dagster-dask's kinds are, and the package that brings them.
CLUSTER_CLASSES: Mapping[str, tuple[str, str, str]] = {
    "local": ("distributed", "LocalCluster", "distributed"),
    "ssh": ("distributed", "SSHCluster", "distributed"),
    "yarn": ("dask_yarn", "YarnCluster", "dask-yarn"),
    "kube": ("dask_kubernetes.operator", "KubeCluster", "dask-kubernetes"),
    "pbs": ("dask_jobqueue", "PBSCluster", "dask-jobqueue"),
    "moab": ("dask_jobqueue", "MoabCluster", "dask-jobqueue"),
    "sge": ("dask_jobqueue", "SGECluster", "dask-jobqueue"),
    "lsf": ("dask_jobqueue", "LSFCluster", "dask-jobqueue"),
    "slurm": ("dask_jobqueue", "SLURMCluster", "dask-jobqueue"),
    "oar": ("dask_jobqueue", "OARCluster", "dask-jobqueue"),
}

YARN = (
    "The latest dask-yarn, 0.9, does not work with the distributed of today. Start a Dask "
    "scheduler and workers in YARN by other means and use them as a cluster that runs already: "
    "{existing: {address: ...}}."
)

CONNECT_SECONDS = 30.0
PING_SECONDS = 5.0
LINGER_SECONDS = 0.05
SEND_SECONDS = 0.001


class DaskClusterError(Exception):
    """The cluster cannot be used, or was lost; the message names the way out."""


@dataclass(frozen=True)
class WorkerLost:
    """A worker is gone, with what it was running; `expected` if it was told to go."""

    address: str
    expected: bool


@dataclass(frozen=True)
class TaskOver:
    """Dask regards a batch's task as over; `error` says why if it did not end well."""

    batch: int
    error: BaseException | None


@dataclass(frozen=True)
class WorkerAnswered:
    """What a worker has answered to `Cluster.ask_workers`, or the error that it was."""

    address: str
    answer: Any


News = Message | WorkerLost | TaskOver | WorkerAnswered


@contextmanager
def open_cluster(
    kind: str, options: Mapping[str, Any], job_name: str, warm_up: str, patience: float
) -> Iterator[Cluster]:
    """Connect to the cluster of the executor's config, starting it unless it exists.

    `warm_up` is Python source that the workers of a local cluster run when they start.
    """
    if kind == "existing":
        with _connect(options["address"], patience) as client:
            yield Cluster(client)
        return
    started = _start(kind, options, job_name, warm_up)
    try:
        # By address: a client of the cluster object waits for all of its workers.
        security = getattr(started, "security", None)
        with _connect(started.scheduler_address, patience, security) as client:
            yield Cluster(client, expected_workers=len(getattr(started, "worker_spec", ())))
    finally:
        started.close()


@contextmanager
def _connect(address: str, patience: float, security: Any = None) -> Iterator[Client]:
    _check_encryption(address, security)
    timeout = min(patience, CONNECT_SECONDS)
    try:
        client = Client(address, timeout=timeout, security=security, set_as_default=False)
    except OSError as error:
        raise DaskClusterError(
            f"No Dask scheduler answers at {address}: {error}. Start one there (`dask scheduler`) "
            "or correct the address in the executor's config. If it uses TLS, its address begins "
            "with tls:// and this process needs a certificate of the same authority."
        ) from None
    # Or a batch waits up to 10 ms after what was told to the scheduler before it.
    comm: Any = client.scheduler_comm
    comm.interval = SEND_SECONDS
    try:
        yield client
    finally:
        with suppress(OSError, asyncio.TimeoutError):
            client.close(timeout=2)


def _check_encryption(address: str, security: Any) -> None:
    """Refuse what a client could not connect with: it would fail late, and say little."""
    encrypted = address.startswith("tls://")
    try:
        settings = (security or Security()).get_connection_args("client")
        problem = "has no certificate" if encrypted and not settings["ssl_context"] else ""
        if settings["require_encryption"] and not encrypted:
            problem = "must not connect without TLS (distributed.comm.require-encryption)"
    except OSError as error:
        problem = f"cannot read its certificate: {error}"
    if problem:
        raise DaskClusterError(
            f"The Dask scheduler's address is {address}, but this process {problem}. Give a tls:// "
            "address and set DASK_DISTRIBUTED__COMM__TLS__CA_FILE and "
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT (with ..._CLIENT__KEY if the key is in a "
            "file of its own) to files that exist."
        )


def _start(kind: str, options: Mapping[str, Any], job_name: str, warm_up: str) -> Any:
    module_name, class_name, package = CLUSTER_CLASSES[kind]
    try:
        cluster_class = getattr(importlib.import_module(module_name), class_name)
    except ImportError as error:
        way_out = YARN if kind == "yarn" else f"Install {package}."
        raise DaskClusterError(
            f"A cluster of kind {kind!r} needs the package {package}: {error}. {way_out}"
        ) from None
    if kind == "local":
        return _start_local(cluster_class, options, warm_up)
    _check_programs(kind, cluster_class)
    # The names of what Kubernetes has are like those of hosts.
    name = job_name.replace("_", "-").lower() if kind == "kube" else job_name
    defaults = {} if kind == "ssh" else {"name": name}
    return cluster_class(**{**defaults, **options})


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


def _start_local(cluster_class: Any, options: Mapping[str, Any], warm_up: str) -> Any:
    """Start workers without waiting for them: they load the definitions meanwhile."""
    workers = options.get("n_workers") or CPU_COUNT
    defaults = {
        "threads_per_worker": 1,  # Dagster is not thread-safe
        "dashboard_address": "127.0.0.1:0",  # a port of its own: there may be several runs
        "memory_limit": MEMORY_LIMIT // workers,
        "preload": [warm_up],
    }
    if options.get("processes", True):
        set_worker_defaults()
    cluster = cluster_class(**{**defaults, **options, "n_workers": 0})
    cluster.scale(workers)
    return cluster


class Cluster:
    """A Dask cluster as one run sees it: batches go in, news come out."""

    def __init__(self, client: Client, expected_workers: int = 0) -> None:
        self._client: Any = client  # distributed types little of it
        self._news: SimpleQueue[News] = SimpleQueue()
        self._futures: dict[int, Future[None]] = {}
        self._expected_workers = expected_workers
        self._workers_changed = False
        self._question: Callable[[], Any] | None = None
        self._answered: set[str] = set()
        self._ping: Any = None
        self._last_answer = time.monotonic()
        # The scheduler forgets a topic that bears a client's name some time after the client left.
        self.topic: str = client.id
        self._client.subscribe_topic(self.topic, self._hear_worker)
        self._client.subscribe_topic("all", self._hear_scheduler)
        self.workers: Mapping[str, Mapping[str, Any]] = client.scheduler_info()["workers"]

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return str(self._client.scheduler.address)

    @property
    def size(self) -> int:
        """How many workers there are, or will be."""
        return max(1, len(self.workers), self._expected_workers)

    @property
    def dashboard(self) -> str:
        """The address of Dask's dashboard."""
        return str(self._client.dashboard_link)

    def submit(
        self,
        number: int,
        token: str,
        pickles: Sequence[bytes],
        priority: int,
        resources: Mapping[str, float],
    ) -> None:
        """Hand a batch to Dask; what becomes of it comes with the news."""
        future = self._client.submit(
            by_name("imagetl_assets.dask_executor.worker.run_batch", *pickles),
            key=f"dagster-steps-{token}-{number}",  # never the same for two runs
            pure=False,
            priority=priority,
            resources=dict(resources) or None,
        )
        self._futures[number] = future
        future.add_done_callback(lambda future: self._hear_task(number, future))

    def forget(self, number: int) -> None:
        """Let go of a batch: Dask cancels it unless it is running or over."""
        future = self._futures.pop(number, None)
        if future is not None:
            future.release()

    def news(self, timeout: float) -> list[News]:
        """All that has happened, after waiting for it at most `timeout` seconds.

        Events that nobody waits for are kept for `LINGER_SECONDS`, to be written with others.
        """
        news: list[News] = []
        deadline = time.monotonic() + timeout
        with suppress(Empty):
            while True:
                left = deadline - time.monotonic()
                item = self._news.get(timeout=left) if left > 0 else self._news.get_nowait()
                news.append(item)
                if isinstance(item, Message) and item.can_wait:
                    deadline = min(deadline, time.monotonic() + LINGER_SECONDS)
                else:
                    deadline = 0
        return news

    def check(self, patience: float) -> None:
        """Raise `DaskClusterError` if the scheduler is lost or silent for `patience` seconds.

        Also brings `workers` up to date. Cheap enough to be called at every turn of a loop.
        """
        if self._client.status != "running":
            raise DaskClusterError(
                f"The connection to the Dask scheduler at {self.address} was lost, and with it the "
                "steps that were running. Start the scheduler again and re-execute the run from "
                "failure: what had succeeded is kept."
            )
        now = time.monotonic()
        if self._ping is None:
            if self._workers_changed or now - self._last_answer > PING_SECONDS:
                self._workers_changed = False
                self._ping = self._in_background(self._client.scheduler.identity, n_workers=-1)
        elif self._ping.done():
            self._last_answer = now
            ping, self._ping = self._ping, None
            if ping.exception() is None:
                self.workers = ping.result()["workers"]
        elif now - self._last_answer > max(patience, 2 * PING_SECONDS):
            raise DaskClusterError(
                f"The Dask scheduler at {self.address} has not answered for {patience:.0f} s. "
                "Restart it and re-execute the run from failure: what had succeeded is kept."
            )

    def ask_workers(self, question: Callable[[], Any]) -> None:
        """Have each worker, also those that join later, call this once; answers are news."""
        self._question = question
        self._ask(None)

    def interrupt(self, token: str, patience: float) -> None:
        """Interrupt what the workers are running of a run; waits `patience` seconds at most."""
        call = by_name("imagetl_assets.dask_executor.worker.interrupt", token)
        interrupted = self._in_background(self._client._run, call, on_error="return")
        with suppress(Exception):  # a worker that cannot be reached cannot be interrupted either
            interrupted.result(timeout=patience)

    def restart_workers(self, addresses: Sequence[str], patience: float) -> None:
        """Have the nannies of these workers start them anew, if they have nannies."""
        with suppress(Exception):
            self._client.restart_workers(list(addresses), timeout=patience, raise_for_error=False)

    def close_run(self, token: str) -> None:
        """Leave nothing of a run with the scheduler."""
        for number in list(self._futures):
            self.forget(number)

        def forget_run(dask_scheduler: Any, token: str, topic: str) -> None:
            dask_scheduler.task_metadata.pop(token, None)
            dask_scheduler._broker.truncate(topic)

        # A scheduler reports a subscriber that is gone as a critical error.
        for topic in (self.topic, "all"):
            self._client.unsubscribe_topic(topic)
        with suppress(Exception):  # the scheduler may be what was lost
            self._in_background(
                self._client._run_on_scheduler, forget_run, token=token, topic=self.topic
            ).result(timeout=2)

    def _in_background(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        async def call() -> Any:
            return await function(*args, **kwargs)

        return asyncio.run_coroutine_threadsafe(call(), self._client.loop.asyncio_loop)

    def _ask(self, addresses: Sequence[str] | None) -> None:
        """Ask these workers, or all."""
        asked = self._in_background(
            self._client._run, self._question, workers=addresses, on_error="return"
        )
        asked.add_done_callback(self._hear_answers)

    def _hear_answers(self, asked: Any) -> None:
        if asked.cancelled() or asked.exception() is not None:
            return  # the scheduler or the worker is gone, which is told otherwise
        for address, answer in asked.result().items():
            if address not in self._answered:
                self._answered.add(address)
                self._news.put(WorkerAnswered(address, answer))

    def _hear_worker(self, event: tuple[float, Any]) -> None:
        message = Message.from_wire(event[1])
        if message is not None:
            self._news.put(message)

    def _hear_scheduler(self, event: tuple[float, Any]) -> None:
        match event[1]:
            case {"action": "add-worker", "worker": address}:
                self._workers_changed = True
                if self._question is not None:
                    self._ask([address])
            case {"action": "remove-worker", "worker": address, **more}:
                self._workers_changed = True
                self._news.put(WorkerLost(address, bool(more.get("expected"))))

    def _hear_task(self, number: int, future: Future[None]) -> None:
        error: BaseException | None = None
        if future.status == "error":
            error = future.exception(timeout=5)
        elif future.status == "cancelled":
            error = CancelledError("Dask cancelled the task")
        self._news.put(TaskOver(number, error))
