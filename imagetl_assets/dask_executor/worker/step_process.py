"""The process of an isolated step: it runs the step, and tells its worker about it.

`isolation` starts it. It may be another Python than the worker's, with other packages; Dask is not
needed here. The step runs on the main thread, so Dagster's own handling of signals interrupts it.
"""

from __future__ import annotations

import itertools
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from imagetl_assets.dask_executor.dagster_internals.instances import state_storage
from imagetl_assets.dask_executor.dagster_internals.names import DagsterExecutionInterruptedError
from imagetl_assets.dask_executor.worker.forks import let_children_be_terminated
from imagetl_assets.dask_executor.worker.leftovers import MARK, signal_all
from imagetl_assets.dask_executor.worker.steps import Setting, run_steps_of_batch
from imagetl_assets.dask_executor.worker.unpacking import (
    CannotRun,
    open_instance,
    open_job,
    unpickled,
)

if TYPE_CHECKING:
    from distributed import Client

    from imagetl_assets.dask_executor.wire.messages import ForwardedEvent
    from imagetl_assets.dask_executor.wire.tasks import Given

this_process: StepProcessSender | None = None
"""What this process tells its worker by, if it is the process of a step."""


def main() -> None:
    """Run the step that comes over the pipe which the command line names."""
    connection = Connection(int(sys.argv.pop()))
    os.set_inheritable(connection.fileno(), False)
    *given, more = connection.recv()
    sender = StepProcessSender(connection)
    try:
        _run(tuple(given), more, sender)
    except CannotRun as reason:
        sender.cannot_run(str(reason))
    except DagsterExecutionInterruptedError:
        sender.ended()


def _run(given: Given, more: bytes, sender: StepProcessSender) -> None:
    header, run_pickle, batch_pickle = given
    place, captured, sender.dask = pickle.loads(more)
    spec, batch = unpickled(place, header, run_pickle, batch_pickle)
    loaded = open_instance(spec, place)
    job = open_job(spec, loaded, place)
    with state_storage(loaded.instance), loaded.forwarder.forward(spec.dagster_run.run_id, sender):
        run_steps_of_batch(spec, batch, Setting(job, loaded, sender, place, captured))


class StepProcessSender:
    """Has the worker tell what this process has to tell; a `Sender`. Any thread may use it.

    Events are with the worker as soon as they are added: what the process does next cannot lose
    them. One thread writes, so that an interrupt of the step does not cut what is written in two.

    Attributes:
        dask: address and security of the Dask scheduler.
    """

    def __init__(self, connection: Connection) -> None:
        global this_process
        this_process = self
        self.dask: tuple[str, Any] = ("", None)
        self._connection = connection
        self._mark = os.environ[MARK]
        self._writer = ThreadPoolExecutor(1)
        self._numbers = itertools.count()
        self._answers: dict[int, Future[Any]] = {}
        self._is_forked = False
        os.register_at_fork(after_in_child=self._forked)
        let_children_be_terminated()
        threading.Thread(target=self._hear, daemon=True).start()

    def add(self, event: ForwardedEvent) -> None:
        """Give an event to the worker."""
        if not self._is_forked:
            self._write((None, "add", {"event": event}))

    def drop_events(self) -> None:
        """Do nothing: a batch of one step has none to be forgotten."""

    def begun(self) -> Future[None]:
        """Tell that the step is about to start. The result is there once it is safe."""
        return self._call("begun")

    def progress(self, urgent: bool = False) -> Future[None]:
        """Have the events so far sent. The result is there once they are safe."""
        return self._call("progress", urgent=urgent)

    def wait_until_written(self) -> bool:
        """Wait until the events so far are in the event log; see `MessageSender`."""
        return bool(self._call("wait_until_written").result())

    def ended(self, not_started: Sequence[str] = (), alone: bool = False) -> None:
        """Tell that the batch is over."""
        self._call("ended", not_started=not_started, alone=alone).result()

    def cannot_run(self, reason: str) -> None:
        """Tell that this process cannot run the step, which is a failure of the step alone."""
        self._call("process_died", reason=reason).result()

    @contextmanager
    def dask_client(self) -> Iterator[Client]:
        """Provide a client of the worker's cluster, to which the worker leaves its thread."""
        from distributed import Client

        address, security = self.dask
        self._call("secede").result()
        try:
            with Client(address, security=security) as client:
                yield client
        finally:
            self._call("rejoin").result()

    def _call(self, name: str, **arguments: Any) -> Future[Any]:
        answer: Future[Any] = Future()
        if self._is_forked:
            answer.set_result(None)
            return answer
        number = next(self._numbers)
        self._answers[number] = answer
        self._write((number, name, arguments))
        return answer

    def _write(self, call: tuple[int | None, str, dict[str, Any]]) -> None:
        self._writer.submit(self._connection.send, call).result()

    def _hear(self) -> None:
        """Take answers; if the worker has ended, end this process with all that it has started."""
        try:
            while True:
                number, answer = self._connection.recv()
                self._answers.pop(number).set_result(answer)
        except (EOFError, OSError):
            signal_all(os.getpgrp(), self._mark, signal.SIGKILL)

    def _forked(self) -> None:
        """In a process that the step has forked, leave the connection to the step's own process."""
        self._is_forked = True
        self._connection.close()
