"""What the run's process and the workers say to each other.

To a worker go two pickles, opaque to Dask (which would walk into arguments): `RunSpec`, the same
for all batches of a run, and `Batch`. From a worker come `Message`s, published under a topic of
the scheduler that the run's client listens to, so that neither needs to reach the other directly.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from dagster import DagsterEvent, DagsterRun
    from dagster._core.definitions.reconstruct import ReconstructableJob
    from dagster._core.definitions.repository_definition import RepositoryLoadData
    from dagster._core.events.log import EventLogEntry
    from dagster._core.execution.plan.outputs import StepOutputHandle
    from dagster._core.execution.plan.state import KnownExecutionState, PastExecutionState
    from dagster._core.execution.retries import RetryMode
    from dagster._core.instance.ref import InstanceRef

MOST_COMPRESSED_BYTES = 128 * 1024

# begun:    the batch's first step is about to start
# events:   events of the batch's steps, in order
# end:      the batch is over; `steps` are those that it hands back without having started them
# twice:    the batch had been started before, on a worker that was lost: nothing was run
# refused:  the worker cannot run this job at all; `text` says why and what to do
MessageKind = Literal["begun", "events", "end", "twice", "refused"]


@dataclass(frozen=True)
class RunSpec:
    """What is the same for every batch of a run."""

    token: str  # unique for one execution of one run
    topic: str
    job: ReconstructableJob
    dagster_run: DagsterRun
    run_config: Mapping[str, object]
    instance_ref: InstanceRef
    retry_mode: RetryMode
    repository_load_data: RepositoryLoadData | None
    step_output_versions: Mapping[StepOutputHandle, str]
    parent_state: PastExecutionState | None
    code_version: str | None


@dataclass(frozen=True)
class Batch:
    """Steps to be run one after the other in one process.

    Either they do not depend on each other, or each runs only if those before it gave its inputs.
    """

    number: int
    step_keys: Sequence[str]
    known_state: KnownExecutionState  # only what these steps need of it


@dataclass(frozen=True)
class ForwardedEvent:
    """An entry for the event log.

    `row` has the columns of the event log's table, made on the worker, or is None where that is not
    all: the event log is not an SQL table, or keeps more of such an event. Then `entry` is set.
    """

    row: Mapping[str, Any] | None
    entry: EventLogEntry | None
    dagster_event: DagsterEvent | None


@dataclass(frozen=True)
class Message:
    """Something that a worker says of one execution of a batch."""

    kind: MessageKind
    batch: int
    execution: (
        str  # unique for one start of a batch: tells a lost worker's words from its successor's
    )
    worker: str
    events: Sequence[ForwardedEvent] = ()
    steps: Sequence[str] = ()
    alone: bool = False  # run each of `steps` in a batch of its own
    urgent: bool = False  # somebody waits until these events are written
    text: str = ""

    @property
    def can_wait(self) -> bool:
        """Whether nothing depends on its events yet."""
        return self.kind in ("begun", "events") and not self.urgent

    def to_wire(self) -> dict[str, Any]:
        """As a message that Dask can pack.

        Events are small and alike, so they are compressed. What is large is a picture, or so many
        events that it is better to be quick.
        """
        pickled = pickle.dumps(self, protocol=5)
        level = 1 if len(pickled) <= MOST_COMPRESSED_BYTES else 0
        return {"dagster-message": zlib.compress(pickled, level)}

    @staticmethod
    def from_wire(wire: Any) -> Message | None:
        """None if `wire` is something else, such as an event of the scheduler's own."""
        if not isinstance(wire, dict) or "dagster-message" not in wire:
            return None
        message = pickle.loads(zlib.decompress(wire["dagster-message"]))
        assert isinstance(message, Message)
        return message
