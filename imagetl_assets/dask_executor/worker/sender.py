"""Sends the messages about one execution of a batch to the run's process."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from imagetl_assets.dask_executor.wire.messages import (
    Begun,
    Ended,
    ForwardedEvent,
    Message,
    Progress,
    Refused,
    StartedTwice,
    to_wire,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

    from distributed import Worker

FLUSH_SECONDS = 0.25
"""An event is sent at most this long after it has happened."""

M = TypeVar("M", bound=Message)


class MessageSender:
    """Sends messages in order. Any thread may use it.

    A message takes along all events that were added before it. Once the scheduler has a message,
    the death of this worker loses nothing of it.

    Attributes:
        execution: unique for this start of the batch.
    """

    def __init__(self, worker: Worker, topic: str, batch: int) -> None:
        self.execution = uuid.uuid4().hex
        self._worker: Any = worker  # Dask types its loop as one without an asyncio loop.
        self._topic = topic
        self._batch = batch
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

    def ended(self, not_started: Sequence[str] = (), alone: bool = False) -> None:
        """Tell that the batch is over, and wait until that is safe; see `Ended`."""
        self._post(Ended, not_started=not_started, alone=alone).result()

    def started_twice(self) -> None:
        """Tell that nothing was run, as the batch was started before."""
        self._post(StartedTwice).result()

    def refused(self, reason: str) -> None:
        """Tell that this worker cannot run the job."""
        self._post(Refused, reason=reason).result()

    def _post(self, kind: type[M], **fields: Any) -> Future[None]:
        with self._lock:
            events, self._events = self._events, []
            message = kind(self._batch, self.execution, self._worker.address, events, **fields)
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
            await self._worker.scheduler.log_event(topic=self._topic, msg=to_wire(message))
