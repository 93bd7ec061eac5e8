"""Sends the messages about one execution of a batch to the run's process."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from imagetl_assets.dask_executor.wire.messages import (
    Begun,
    Ended,
    ForwardedEvent,
    Message,
    ProcessDied,
    Progress,
    Refused,
    StartedTwice,
    to_wire,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

    from distributed import Worker

    from imagetl_assets.dask_executor.wire.tasks import Header

FLUSH_SECONDS = 0.25
"""An event is sent at most this long after it has happened."""

WRITTEN_SECONDS = 30.0
"""How long a step waits until what was told is written, at most."""
WRITTEN_POLL_SECONDS = 0.001, 0.05
"""From the first look to the next, and between two looks at most."""

M = TypeVar("M", bound=Message)


class Sender(Protocol):
    """What steps, and the events that they tell, need of a sender; see `MessageSender`."""

    def add(self, event: ForwardedEvent) -> None:
        """Keep an event for the next message."""

    def drop_events(self) -> None:
        """Forget the events that were not sent yet."""

    def begun(self) -> Future[None]:
        """Tell that the first step is about to start."""

    def progress(self, urgent: bool = False) -> Future[None]:
        """Send the events so far."""

    def wait_until_written(self) -> bool:
        """Wait until the events so far are in the event log."""

    def ended(self, not_started: Sequence[str] = (), alone: bool = False) -> None:
        """Tell that the batch is over."""


class MessageSender:
    """Sends messages in order. Any thread may use it.

    A message takes along all events that were added before it. Once the scheduler has a message,
    the death of this worker loses nothing of it.

    Attributes:
        execution: unique for this start of the batch.
    """

    def __init__(self, worker: Worker, header: Header) -> None:
        self.execution = uuid.uuid4().hex
        self._worker: Any = worker  # Dask types its loop as one without an asyncio loop.
        self._header = header
        self._questions = 0
        self._events: list[ForwardedEvent] = []
        self._lock = threading.Lock()
        self._one_at_a_time = asyncio.Lock()
        self._flush_is_due = False

    def add(self, event: ForwardedEvent) -> None:
        """Keep an event for the next message, which is sent within `FLUSH_SECONDS`."""
        with self._lock:
            self._events.append(event)
            if self._flush_is_due:
                return
            self._flush_is_due = True
        loop = self._worker.loop
        loop.add_callback(loop.call_later, FLUSH_SECONDS, self._flush_now)

    def drop_events(self) -> None:
        """Forget the events that were not sent yet."""
        with self._lock:
            self._events.clear()

    def begun(self) -> Future[None]:
        """Tell that the first step is about to start. The result is there once it is safe."""
        return self._post(Begun)

    def progress(self, urgent: bool = False) -> Future[None]:
        """Send the events so far. The result is there once they are safe."""
        return self._post(Progress, urgent=urgent)

    def wait_until_written(self) -> bool:
        """Send the events so far, and wait until the run's process has written them.

        Returns False if that takes longer than `WRITTEN_SECONDS`.
        """
        with self._lock:
            self._questions += 1
            question = self._questions
        self._post(Progress, urgent=True, question=question).result()
        return poll(lambda: self._answer() >= question)

    def _answer(self) -> int:
        """Return up to which question the run's process has answered."""
        keys = [self._header["token"], self.execution]
        asked = self._worker.scheduler.get_metadata(keys=keys, default=0)
        answer: int = asyncio.run_coroutine_threadsafe(
            _awaited(asked), self._worker.loop.asyncio_loop
        ).result()
        return answer

    def ended(self, not_started: Sequence[str] = (), alone: bool = False) -> None:
        """Tell that the batch is over, and wait until that is safe; see `Ended`."""
        self._post(Ended, not_started=not_started, alone=alone).result()

    def started_twice(self) -> None:
        """Tell that nothing was run, as the batch was started before."""
        self._post(StartedTwice).result()

    def process_died(self, reason: str) -> None:
        """Tell how the process of the step has ended before the step has, or why it cannot run."""
        self._post(ProcessDied, reason=reason).result()

    def refused(self, reason: str) -> None:
        """Tell that this worker cannot run the job."""
        self._post(Refused, reason=reason).result()

    def _post(self, kind: type[M], **fields: Any) -> Future[None]:
        with self._lock:
            events, self._events = self._events, []
            batch, address = self._header["batch"], self._worker.address
            message = kind(batch, self.execution, address, events, **fields)
            return asyncio.run_coroutine_threadsafe(
                self._publish(message), self._worker.loop.asyncio_loop
            )

    def _flush_now(self) -> None:
        self._flush_is_due = False
        if self._events:
            self.progress()

    async def _publish(self, message: Message) -> None:
        async with self._one_at_a_time:
            # The remote call behind Worker.log_event, which itself cannot be waited for.
            await self._worker.scheduler.log_event(
                topic=self._header["topic"], msg=to_wire(message)
            )


def poll(condition: Callable[[], bool]) -> bool:
    """Wait until `condition` holds, which tells of the event log; False after `WRITTEN_SECONDS`."""
    deadline = time.monotonic() + WRITTEN_SECONDS
    pause, longest = WRITTEN_POLL_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(1.5 * pause, longest)
    return True


async def _awaited(call: Awaitable[Any]) -> Any:
    return await call
