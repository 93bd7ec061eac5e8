"""A Dask cluster as one run sees it: batches go in, news come out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from distributed import CancelledError, Client, Future

from imagetl_assets.dask_executor.clusters.errors import DaskClusterError
from imagetl_assets.dask_executor.clusters.heartbeats import Heartbeats
from imagetl_assets.dask_executor.clusters.news import News, TaskOver, WorkerAnswered, WorkerLost
from imagetl_assets.dask_executor.wire.calls import by_name
from imagetl_assets.dask_executor.wire.messages import Message, from_wire

PING_SECONDS = 5.0
LINGER_SECONDS = 0.05
REPORT_SECONDS = 60.0
_LAST_TASKS_SECONDS = 2.0

RUN_BATCH = "imagetl_assets.dask_executor.worker.batch.run_batch"
INTERRUPT = "imagetl_assets.dask_executor.worker.interrupts.interrupt"


async def _remove_worker(dask_scheduler: Any, address: str) -> None:
    await dask_scheduler.remove_worker(address, stimulus_id="dagster-worker-is-silent")


def _begin_report(dask_scheduler: Any) -> dict[str, Any]:
    """Have the scheduler note its tasks; return what to ask it for their report with."""
    dask_scheduler.get_task_stream(start=0, stop=0)
    return {"start": time.time(), "last_count": dask_scheduler.monitor.count, "code": ""}


class Cluster:
    """The connection of one run to its cluster.

    Attributes:
        is_starting: tells whether workers are starting that have not joined yet.
        topic: the topic of the scheduler under which workers publish their messages.
        workers: what the scheduler says of its workers, by address.
    """

    def __init__(
        self,
        client: Client,
        expected_workers: int = 0,
        is_starting: Callable[[], bool] = lambda: False,
    ) -> None:
        self._client: Any = client  # Dask types little of it.
        self._heartbeats = Heartbeats()
        self.is_starting = is_starting
        self._news: SimpleQueue[News] = SimpleQueue()
        self._futures: dict[int, Future[None]] = {}
        self._expected_workers = expected_workers
        # In some versions of Dask, the first information is about a few workers only.
        self._workers_changed = True
        self._question: Callable[[], Any] | None = None
        self._answered: set[str] = set()
        self._ping: Any = None
        self._report_begun: Any = None
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
        key: str,
        arguments: Sequence[Any],
        options: Mapping[str, Any],
    ) -> None:
        """Hand a batch to Dask; what becomes of it comes with the news.

        Args:
            number: of the batch.
            key: of the task, which must be another one for each batch of each run.
            arguments: of `worker.batch.run_batch`.
            options: of `Client.submit`: priority, resources and so on.
        """
        call = by_name(RUN_BATCH, *arguments)
        future = self._client.submit(call, key=key, pure=False, **options)
        self._futures[number] = future
        future.add_done_callback(lambda future: self._hear_task(number, future))

    def forget(self, number: int, ended: bool = False) -> None:
        """Let go of a batch: Dask cancels it unless it is running or over.

        Args:
            number: of the batch.
            ended: the worker has told its end already, a moment before the task of Dask is over.
                Then the task is left to end by itself: Dask does not note tasks that are cancelled.
        """
        future = self._futures.pop(number, None)
        if future is not None and not ended:
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
                self._ping = self._in_background(self._identity)
        elif self._ping.done():
            self._last_answer = now
            ping, self._ping = self._ping, None
            if ping.exception() is None:
                self.workers = ping.result()["workers"]
                self._heartbeats.note(self.workers)
        elif now - self._last_answer > max(patience, 2 * PING_SECONDS):
            raise DaskClusterError(
                f"The Dask scheduler at {self.address} has not answered for {patience:.0f} s. "
                "Restart it and re-execute the run from failure: what had succeeded is kept."
            )

    async def _identity(self) -> Any:
        """Return what the scheduler tells of itself and of all its workers."""
        try:
            return await self._client.scheduler.identity(n_workers=-1)
        except TypeError:  # An older Dask has no such argument, and always tells of all.
            return await self._client.scheduler.identity()

    def drop_silent_workers(self, seconds: float) -> None:
        """Take workers without a heartbeat for so many seconds for lost, as the news then say."""
        for address in self._heartbeats.silent(seconds):
            self._news.put(WorkerLost(address, expected=False))
            self._in_background(self._client._run_on_scheduler, _remove_worker, address=address)

    def ask_workers(self, question: Callable[[], Any]) -> None:
        """Have each worker, also those that join later, call this once; answers are news."""
        self._question = question
        self._ask(None)

    def note(self, token: str, execution: str, question: int) -> None:
        """Note with the scheduler that a question of a worker is answered; see `wire.messages`."""
        keys = [token, execution]
        self._in_background(self._client.scheduler.set_metadata, keys=keys, value=question)

    def begin_report(self) -> None:
        """Have the scheduler note from now on what `report` needs."""
        self._report_begun = self._in_background(self._client._run_on_scheduler, _begin_report)

    def report(self) -> str:
        """Return Dask's performance report since `begin_report`, a page of HTML.

        Raises:
            DaskClusterError: the scheduler cannot make one.
        """
        # A step is over a moment before the scheduler hears of the end of its task.
        deadline = time.monotonic() + _LAST_TASKS_SECONDS
        while time.monotonic() < deadline and any(self._client.processing().values()):
            time.sleep(0.05)
        try:
            since = self._report_begun.result(timeout=REPORT_SECONDS)
            report = self._client.scheduler.performance_report
            return str(self._in_background(report, **since).result(timeout=REPORT_SECONDS))
        except ImportError as error:
            raise DaskClusterError(
                f"Dask needs the package bokeh for it: install bokeh where the scheduler "
                f"at {self.address} runs ({error})"
            ) from None

    def interrupt(self, token: str, patience: float) -> None:
        """Interrupt what the workers are running of a run; waits `patience` seconds at most."""
        call = by_name(INTERRUPT, token)
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
        message = from_wire(event[1])
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
