"""Runs an isolated step in a process that the worker starts for it, and watches.

The process (`step_process`) loads the job and runs the step. It sends all its events through a
pipe, as calls of the worker's `MessageSender`; the worker makes these calls for it. So if the
process dies, the worker has all events that it has sent before.

Each of the two notices when the other one ends. When the process has ended, the worker also ends
the programs that it has started and left running. When the worker has ended, the process ends
itself.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import uuid
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any

from dagster import DagsterInstance, DagsterRun
from distributed import get_worker, rejoin, secede

from imagetl_assets.dask_executor.dagster_internals.names import DagsterExecutionInterruptedError
from imagetl_assets.dask_executor.worker.compute_logs import captured_output
from imagetl_assets.dask_executor.worker.interrupts import interruptible
from imagetl_assets.dask_executor.worker.leftovers import MARK, end_leftovers, signal_all
from imagetl_assets.dask_executor.worker.place import Place

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.wire.tasks import Batch, Given, Isolation
    from imagetl_assets.dask_executor.worker.sender import MessageSender

INTERRUPT_SECONDS = 1.0
"""How long an interrupted process may take to end. It is killed then."""

EXIT_SECONDS = 5.0
"""How long a process may take to end after its step has. It is killed then."""

_MAIN = "from imagetl_assets.dask_executor.worker.step_process import main; main()"
_MAIN_WITH_PATH = f"import json, sys; sys.path[:] = json.loads(sys.argv.pop()); {_MAIN}"
_LAST_CALLS = ("ended", "process_died")


def run_in_a_process(
    given: Given, run: DagsterRun, batch: Batch, instance: DagsterInstance, sender: MessageSender
) -> None:
    """Run the one step of a batch in a process of its own, and tell how it has ended.

    Args:
        given: what this worker was given, for the process.
        run: whose batch it is.
        batch: with one step.
        instance: of the run.
        sender: of the batch.

    Raises:
        DagsterExecutionInterruptedError: the run was interrupted.
    """
    assert batch.isolation is not None
    worker: Any = get_worker()
    place = Place.of(worker)._replace(is_process=True)
    with captured_output(instance, run) as captured:
        try:
            process = StepProcess(batch.isolation)
        except CannotStart as reason:
            sender.process_died(f"{place} {reason}")
            return
        try:
            with interruptible(given[0]["token"], process.interrupt):
                dask = worker.scheduler.address, worker.security
                process.give((*given, pickle.dumps((place, captured, dask))))
                process.follow(sender)
        finally:
            process.close()
    if process.told_end:
        return
    if process.interrupted:
        raise DagsterExecutionInterruptedError()
    sender.process_died(process.how_it_died(batch.step_keys[0]))


class CannotStart(Exception):
    """The process cannot be started. The message says why, and follows on words for the process."""


class StepProcess:
    """The process of a step.

    Attributes:
        interrupted: whether it was told to stop.
        told_end: whether it has told the end of the batch.
    """

    def __init__(self, isolation: Isolation) -> None:
        """Start it.

        Raises:
            CannotStart: there is no such Python here, or the environment is not possible.
        """
        self.interrupted = self.told_end = False
        self._python = isolation.python or sys.executable
        self._mark = uuid.uuid4().hex
        self._heard = False
        self._connection, its_end = Pipe()
        fd = its_end.fileno()
        try:
            self._process = subprocess.Popen(
                [self._python, "-u", "-X", "faulthandler", *_program(isolation, fd)],
                env={**os.environ, **dict(isolation.env), MARK: self._mark},
                pass_fds=[fd],
                start_new_session=True,  # So it has a group, with all that it starts.
            )
        except (OSError, ValueError) as error:  # ValueError: a name that no variable can have
            raise CannotStart(
                f"cannot be started with {self._python}: {error}. Correct the step's tag "
                "dagster-dask/isolate, or `isolate` in the executor's config."
            ) from None
        finally:
            its_end.close()
        self._ended = threading.Thread(target=self._wait, daemon=True)
        self._ended.start()

    def give(self, given: Any) -> None:
        """Send the process what `step_process.main` begins with."""
        with suppress(OSError):  # It may have died.
            self._connection.send(given)

    def follow(self, sender: MessageSender) -> None:
        """Make the process's calls of the sender until it has ended."""
        calls = {"secede": secede, "rejoin": rejoin}
        while True:
            try:
                number, name, arguments = self._connection.recv()
            except (EOFError, OSError):
                self._ended.join()
                return
            self._heard = True
            result = (calls.get(name) or getattr(sender, name))(**arguments)
            answer = result.result() if isinstance(result, Future) else result
            if name in _LAST_CALLS:
                self.told_end = True
                self._kill_after(EXIT_SECONDS)
            if number is not None:
                self.give((number, answer))

    def interrupt(self) -> None:
        """Have Dagster interrupt the step, and kill the process if that takes too long."""
        self.interrupted = True
        self._process.terminate()
        self._kill_after(INTERRUPT_SECONDS)

    def kill(self) -> None:
        """Kill the process, if it has not ended, with all that it has started."""
        if self._process.returncode is None:
            signal_all(self._process.pid, self._mark, signal.SIGKILL)
        self._ended.join()

    def close(self) -> None:
        """Leave nothing of the process."""
        self.kill()
        self._connection.close()

    def how_it_died(self, step_key: str) -> str:
        """Return in a sentence how the process has ended, although the step had not."""
        code = self._process.returncode
        how = f"was killed by signal {-code}" if code < 0 else f"ended with the exit code {code}"
        if not self._heard:
            return (
                f"The process of step {step_key}, started with {self._python}, {how} before the "
                "step began. That Python needs this package and the code of the run. The stderr of "
                "the step may tell more."
            )
        more = " It may need more memory than there is." if code == -signal.SIGKILL else ""
        return (
            f"The process of step {step_key} {how} before the step had ended.{more} The stderr of "
            "the step may tell more."
        )

    def _kill_after(self, seconds: float) -> None:
        timer = threading.Timer(seconds, self.kill)
        timer.daemon = True
        timer.start()

    def _wait(self) -> None:
        """Wait for the end of the process, and end what it has left running."""
        self._process.wait()
        end_leftovers(self._process.pid, self._mark)


def _program(isolation: Isolation, fd: int) -> list[str]:
    """Return the arguments of Python that start `step_process`, with the end of a pipe."""
    if isolation.python is not None:  # which finds by itself what is installed for it
        return ["-c", _MAIN, str(fd)]
    return ["-c", _MAIN_WITH_PATH, str(fd), json.dumps(sys.path)]
