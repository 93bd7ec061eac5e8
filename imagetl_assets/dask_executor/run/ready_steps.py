"""Steps that can run now, and how they are put together in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from imagetl_assets.dask_executor.dagster_internals.names import (
    ExecutionStep,
    KnownExecutionState,
    ResolvedFromDynamicStepHandle,
)
from imagetl_assets.dask_executor.run.needs import Needs, needs_of
from imagetl_assets.dask_executor.wire.tasks import Isolation

MAX_STEPS = 32


class ReadySteps:
    """Steps that can run now and are not with Dask."""

    def __init__(self, isolation: Isolation | None) -> None:
        """Args: isolation: of the steps whose tags do not say otherwise."""
        self._isolation = isolation
        self._queues: dict[Needs, deque[ExecutionStep]] = {}
        self._alone: set[str] = set()
        self._count = 0
        self._share = 1

    def __len__(self) -> int:
        return self._count

    def add(self, steps: Sequence[ExecutionStep], slots: int, alone: bool = False) -> None:
        """Add steps, to be shared out evenly to `slots` workers, or each in a batch of its own."""
        for step in steps:
            self._queues.setdefault(needs_of(step, self._isolation), deque()).append(step)
            if alone:
                self._alone.add(step.key)
        self._count += len(steps)
        self._share = min(MAX_STEPS, -(-self._count // slots))

    def take(self) -> tuple[Needs, list[ExecutionStep], bool]:
        """Take the next batch's steps, of the most urgent that there are.

        Returns what they need, the steps, and whether it was asked to run this one alone.
        """
        needs = max(self._queues, key=lambda needs: needs.priority)
        queue = self._queues[needs]
        steps = [queue.popleft()]
        alone = steps[0].key in self._alone
        if alone:
            self._alone.remove(steps[0].key)
        elif not needs.isolation:
            while queue and len(steps) < self._share and queue[0].key not in self._alone:
                steps.append(queue.popleft())
        if not queue:
            del self._queues[needs]
        self._count -= len(steps)
        return needs, steps, alone


def state_for_steps(
    state: KnownExecutionState, steps: Sequence[ExecutionStep]
) -> KnownExecutionState:
    """Return the part of a run's state that these steps need, so that what is sent stays small.

    It lacks what does not change during a run: workers have that from the `RunSpec`.
    """
    keys = {step.key for step in steps}
    inputs = {
        handle
        for step in steps
        for step_input in step.step_inputs
        for handle in step_input.get_step_output_handle_dependencies()
    }
    mappings = state.dynamic_mappings
    if all(isinstance(step.handle, ResolvedFromDynamicStepHandle) for step in steps):
        wanted = {step.handle.mapping_key for step in steps}  # type: ignore[union-attr]
        mappings = {
            source: {
                output: None if found is None else [key for key in found if key in wanted]
                for output, found in outputs.items()
            }
            for source, outputs in mappings.items()
        }
    return KnownExecutionState(
        previous_retry_attempts={
            key: count for key, count in state.previous_retry_attempts.items() if key in keys
        },
        dynamic_mappings=mappings,
        ready_outputs=inputs & state.ready_outputs,
    )
