"""What all parts of the run's loop share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dagster import DagsterEvent

from imagetl_assets.dask_executor.dagster_internals.names import EngineEventData
from imagetl_assets.dask_executor.run.batches import BatchesInFlight, BatchInFlight
from imagetl_assets.dask_executor.run.ready_steps import ReadySteps

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.clusters.cluster import Cluster
    from imagetl_assets.dask_executor.config import ExecutorConfig
    from imagetl_assets.dask_executor.dagster_internals.names import (
        ActiveExecution,
        ExecutionStep,
        PlanOrchestrationContext,
    )


@dataclass
class RunState:
    """The state of one execution of a plan.

    Attributes:
        config: of the executor.
        context: Dagster's context of the run.
        cluster: where the steps run.
        active: Dagster's state of the plan: which steps are ready, given out, ended.
        ready: steps that can run and are not with Dask.
        batches: batches of steps that Dask has.
        losses: addresses of the workers that were lost while they ran a step, by the step's key.
    """

    config: ExecutorConfig
    context: PlanOrchestrationContext
    cluster: Cluster
    active: ActiveExecution
    ready: ReadySteps = field(init=False)
    batches: BatchesInFlight = field(default_factory=BatchesInFlight)
    losses: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        """Have the config say in what processes steps run whose tags do not."""
        self.ready = ReadySteps(self.config.isolation)

    @property
    def slots(self) -> int:
        """How many steps can run at a time: a worker process runs one."""
        workers = self.cluster.size
        return min(workers, self.config.max_concurrent or workers)

    def steps(self, keys: Iterable[str]) -> list[ExecutionStep]:
        """Return the steps of these keys."""
        return [self.active.get_step_by_key(key) for key in keys]

    def add_ready(self, steps: Sequence[ExecutionStep], alone: bool = False) -> None:
        """Add steps that can run, to be run in batches, or each in a batch of its own."""
        self.ready.add(steps, self.slots, alone=alone)

    def drop(self, batch: BatchInFlight, ended: bool = False) -> None:
        """Let go of a batch. Dask cancels it, unless it has `ended`, is running or over."""
        self.batches.remove(batch)
        self.cluster.forget(batch.number, ended)

    def engine_event(
        self,
        message: str,
        metadata: Mapping[str, Any] | None = None,
        step: ExecutionStep | None = None,
    ) -> DagsterEvent:
        """Write an event of the executor itself, about a step or about the run, and return it."""
        context = self.context.for_step(step) if step else self.context
        return DagsterEvent.engine_event(context, message, EngineEventData(metadata))


def named(keys: list[str]) -> str:
    """Return the first few of these step keys in words, for a message."""
    shown = ", ".join(keys[:3])
    return f"step {shown}" if len(keys) == 1 else f"{len(keys)} steps ({shown}, ...)"
