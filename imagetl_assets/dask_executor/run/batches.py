"""The batches of steps that Dask has."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from imagetl_assets.dask_executor.run.needs import Needs
from imagetl_assets.dask_executor.wire.messages import Message, StartedTwice


@dataclass
class BatchInFlight:
    """A batch that Dask has.

    Attributes:
        number: counts the batches of a run from 1.
        needs: what its steps need of a worker.
        unfinished: keys of the steps that the plan regards as given out, as they are run.
        following: keys of steps that the worker runs after them in a row. The plan gives each of
            these out once the step before it has succeeded.
        submitted: when Dask got it, in seconds of the monotonic clock.
        execution: which start of the batch is followed; None until one is heard of.
        worker: the address of the worker that runs it; None until its first step is about to start.
        over_since: when Dask said that the task is over; None until then.
    """

    number: int
    needs: Needs
    unfinished: list[str]
    following: list[str] = field(default_factory=list)
    submitted: float = field(default_factory=time.monotonic)
    execution: str | None = None
    worker: str | None = None
    over_since: float | None = None


class BatchesInFlight:
    """All batches of a run that Dask has, by number."""

    def __init__(self) -> None:
        self._batches: dict[int, BatchInFlight] = {}

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[BatchInFlight]:
        """Iterate over the batches of this moment, so that they may be removed meanwhile."""
        return iter(list(self._batches.values()))

    def add(self, batch: BatchInFlight) -> None:
        """Add a batch that Dask has been given."""
        self._batches[batch.number] = batch

    def get(self, number: int) -> BatchInFlight | None:
        """Return the batch of this number, or None if it is over."""
        return self._batches.get(number)

    def remove(self, batch: BatchInFlight) -> None:
        """Remove a batch that is over."""
        del self._batches[batch.number]

    def step_keys(self) -> list[str]:
        """Return the keys of all steps that are given out and have not ended."""
        return [key for batch in self for key in batch.unfinished]

    def note_start(self, message: Message) -> None:
        """Note which start of a batch is followed: the first that is heard of."""
        batch = self._batches.get(message.batch)
        if batch and batch.execution is None and not isinstance(message, StartedTwice):
            batch.execution = message.execution

    def of(self, message: Message) -> BatchInFlight | None:
        """Return the batch that a message is about, or None if the message is to be ignored.

        Ignored is what comes from a worker that was taken for lost: the batch is over then, or
        another start of it is followed. That a batch was started twice is always listened to.
        """
        batch = self._batches.get(message.batch)
        if batch is None:
            return None
        followed = isinstance(message, StartedTwice) or batch.execution == message.execution
        return batch if followed else None
