"""What a run waits for in vain: a task's last message, a worker, a resource that no worker has."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imagetl_assets.dask_executor.clusters.errors import DaskClusterError
from imagetl_assets.dask_executor.run.losses import losses_in_words, take_loss
from imagetl_assets.dask_executor.run.state import named

if TYPE_CHECKING:
    from dagster import DagsterEvent

    from imagetl_assets.dask_executor.run.batches import BatchInFlight
    from imagetl_assets.dask_executor.run.state import RunState

LAST_MESSAGE_SECONDS = 10.0
"""Between Dask's word that a task is over and the task's own last message, at most."""


STARTING_FACTOR = 10
"""So many times longer is waited for a worker while one is starting: a busy machine may be slow."""


class TimeLimits:
    """Looks at each turn of the loop whether something is waited for in vain."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._no_worker_since: float | None = None

    def check(self) -> Iterator[DagsterEvent]:
        """Take as lost what has not answered.

        Raises:
            DaskClusterError: there is no scheduler, no worker, or none with the resources needed.
        """
        patience = self._state.config.worker_timeout
        self._state.cluster.check(patience)
        self._state.cluster.drop_silent_workers(self._state.config.worker_silence)
        now = time.monotonic()
        for batch in self._state.batches:
            if batch.over_since is not None and now - batch.over_since > LAST_MESSAGE_SECONDS:
                yield from take_loss(self._state, batch)
            elif batch.worker is None and now - batch.submitted > patience:
                self._check_resources(batch)
        self._check_workers(now, patience)

    def _check_workers(self, now: float, patience: float) -> None:
        cluster = self._state.cluster
        if cluster.workers or not self._state.batches:
            self._no_worker_since = None
        elif self._no_worker_since is None:
            self._no_worker_since = now
        elif now - self._no_worker_since > (
            STARTING_FACTOR * patience if cluster.is_starting() else patience
        ):
            raise DaskClusterError(
                f"The Dask scheduler at {cluster.address} has had no worker for "
                f"{patience:.0f} s. Start some (`dask worker {cluster.address}`) and "
                f"re-execute the run from failure.{losses_in_words(self._state)}"
            )

    def _check_resources(self, batch: BatchInFlight) -> None:
        workers = self._state.cluster.workers.values()
        offers = [worker.get("resources", {}) for worker in workers]
        needs = dict(batch.needs.resources)
        if offers and not any(
            all(offer.get(name, 0) >= amount for name, amount in needs.items()) for offer in offers
        ):
            raise DaskClusterError(
                f"No Dask worker offers the resources {needs} that {named(batch.unfinished)} "
                "requires. Start one with `dask worker --resources`, or change the step's tag."
            )
