"""What a worker tells the run's process about one batch of steps.

A worker publishes its messages under a topic of the Dask scheduler, and the run's client listens to
that topic. So neither process has to reach the other directly. The messages of one worker arrive in
the order in which they were sent.

The usual sequence, for a batch of the steps a, b and c. The last message returns the steps that
were not started because the batch has run for long enough:

    run's process                worker
    submit batch 7 ------------>
                 <-------------- Begun       batch 7 starts with step a
                 <-------------- Progress    events of a and b
                 <-------------- Ended       events of b, not_started=[c]

If the worker is lost in the middle, Dask starts the task again on another worker. That worker finds
that the batch was started before and runs nothing. The run's process decides what runs again:

    submit batch 7 ------------> worker 1
                 <-------------- Begun
                 X               worker 1 is lost
                                 worker 2 gets the same task from Dask
                 <-------------- StartedTwice
    submit batch 8 ------------> the steps of batch 7 that have not ended

If worker 1 was only disconnected, and sends more messages after that, these are ignored: each start
of a batch has an `execution` of its own, and the run's process follows only the first one.

An isolated step has a process of its own on the worker's host. The worker passes on the events of
that process. If the process ends before the step has ended, or cannot run the step, the step fails,
or is tried again by its `RetryPolicy`:

                 <-------------- ProcessDied reason="... was killed by signal 9 ..."

If a step reads the event log, it has to find its own earlier events there. So its worker asks the
run's process to write them first. The answer is a note with the scheduler, which the worker reads:

                 <-------------- Progress    events of a, question=1
    write them
    note 1 with the scheduler -> the step goes on

If a worker cannot run the job at all, it says so, and the run fails with that reason:

    submit batch 7 ------------>
                 <-------------- Refused     reason="... cannot load job ..."
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagster import DagsterEvent

    from imagetl_assets.dask_executor.dagster_internals.names import EventLogEntry

MOST_COMPRESSED_BYTES = 128 * 1024
MESSAGE_KEY = "dagster-message"
REFUSAL_KEY = "dagster-refusal"


@dataclass(frozen=True)
class ForwardedEvent:
    """An entry that the run's process is to write into the event log.

    Attributes:
        row: the columns of the event log's table, made on the worker. None where a row is not all
            that has to be stored, or where it is not known how Dagster makes it.
        entry: the whole entry, where `row` is None.
        dagster_event: the event in the entry. None for lines that a step has logged.
    """

    row: Mapping[str, Any] | None
    entry: EventLogEntry | None
    dagster_event: DagsterEvent | None


@dataclass(frozen=True)
class Message:
    """What all messages have.

    Attributes:
        batch: the number of the batch.
        execution: unique for one start of the batch on one worker.
        worker: the address of the worker.
        events: what has happened since the message before, in order.
    """

    batch: int
    execution: str
    worker: str
    events: Sequence[ForwardedEvent] = ()

    @property
    def can_wait(self) -> bool:
        """Whether nobody waits until the events of this message are written."""
        return False


@dataclass(frozen=True)
class Begun(Message):
    """The first step of the batch is about to start."""

    @property
    def can_wait(self) -> bool:
        """Nothing depends on it yet."""
        return True


@dataclass(frozen=True)
class Progress(Message):
    """Events of the batch's steps.

    Attributes:
        urgent: whether the worker waits until they are written.
        question: what the run's process is to note with the scheduler once they are written, so
            that the worker sees it; 0 if it need not.
    """

    urgent: bool = False
    question: int = 0

    @property
    def can_wait(self) -> bool:
        """Whether the worker goes on without waiting."""
        return not self.urgent


@dataclass(frozen=True)
class Ended(Message):
    """The batch is over.

    Attributes:
        not_started: keys of the steps that the worker hands back without having started them.
        alone: whether each of these has to run in a batch of its own.
    """

    not_started: Sequence[str] = ()
    alone: bool = False


@dataclass(frozen=True)
class ProcessDied(Message):
    """The process of an isolated step has ended before the step has, or cannot run it.

    Attributes:
        reason: how it has ended, or why it cannot.
    """

    reason: str = ""


@dataclass(frozen=True)
class StartedTwice(Message):
    """The batch had been started before, on a worker that was lost. Nothing was run."""


@dataclass(frozen=True)
class Refused(Message):
    """The worker cannot run this job. `reason` says why, and what to do about it."""

    reason: str = ""


def to_wire(message: Message) -> dict[str, Any]:
    """Return a message in a form that Dask can pack.

    Events are small and alike, so they are compressed. A large message holds a picture or very many
    events: there, time matters more than size. A refusal holds plain values only, so that it can be
    read by another version of this package or of Python.
    """
    if isinstance(message, Refused):
        plain = (message.batch, message.execution, message.worker, message.reason)
        return {REFUSAL_KEY: plain}
    pickled = pickle.dumps(message, protocol=5)
    level = 1 if len(pickled) <= MOST_COMPRESSED_BYTES else 0
    return {MESSAGE_KEY: zlib.compress(pickled, level)}


def from_wire(wire: Any) -> Message | None:
    """Return the message, or None if `wire` is something else, such as an event of Dask's own."""
    match wire:
        case {"dagster-refusal": [int(batch), str(execution), str(worker), str(reason)]}:
            return Refused(batch, execution, worker, reason=reason)
        case {"dagster-message": bytes(compressed)}:
            message = pickle.loads(zlib.decompress(compressed))
            assert isinstance(message, Message)
            return message
        case _:
            return None
