"""Steps that can run now, and how they are put together in batches."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from dagster import DagsterInvariantViolationError

from imagetl_assets.dask_executor.dagster_internals.names import (
    PRIORITY_TAG,
    ExecutionStep,
    KnownExecutionState,
    ResolvedFromDynamicStepHandle,
)

T = TypeVar("T", int, dict[str, float], list[str], bool)

# As dagster-dask names it: a JSON object from the name of a Dask resource to an amount.
RESOURCES_TAG = "dagster-dask/resource_requirements"
# A JSON list of addresses, names or hosts of the workers that may run the step.
WORKERS_TAG = "dagster-dask/workers"
# Whether others may run it, too, if these are busy: `true` or `false`, which is the default.
OTHER_WORKERS_TAG = "dagster-dask/allow_other_workers"
MAX_STEPS = 32


class Needs(NamedTuple):
    """What Dask is told of a batch; all of its steps need the same."""

    priority: int
    resources: tuple[tuple[str, float], ...]
    workers: tuple[str, ...] = ()
    other_workers: bool = False

    def submit_options(self) -> dict[str, Any]:
        """Return the needs as arguments of `Client.submit`."""
        options: dict[str, Any] = {"priority": self.priority}
        if self.resources:
            options["resources"] = dict(self.resources)
        if self.workers:
            options["workers"] = list(self.workers)
            options["allow_other_workers"] = self.other_workers
        return options


def needs_of(step: ExecutionStep) -> Needs:
    """Return what the tags of a step ask for: `dagster/priority`, a number, and those above."""
    return Needs(
        _from_tag(step, PRIORITY_TAG, 0),
        tuple(sorted(_from_tag(step, RESOURCES_TAG, {}).items())),
        tuple(_from_tag(step, WORKERS_TAG, [])),
        _from_tag(step, OTHER_WORKERS_TAG, False),
    )


def _from_tag(step: ExecutionStep, tag: str, default: T) -> T:
    """Return what a step's tag says in JSON, which has to be of the type of `default`."""
    text = step.tags.get(tag)
    if text is None:
        return default
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if type(value) is not type(default):
        kinds = {int: "a whole number", dict: "an object", list: "a list", bool: "true or false"}
        raise DagsterInvariantViolationError(
            f"Step {step.key} has the tag {tag} with the value {text!r}, which has to be "
            f"{kinds[type(default)]} in JSON. Correct the tag of the op or asset."
        )
    return value


class ReadySteps:
    """Steps that can run now and are not with Dask."""

    def __init__(self) -> None:
        self._queues: dict[Needs, deque[ExecutionStep]] = {}
        self._alone: set[str] = set()
        self._count = 0
        self._share = 1

    def __len__(self) -> int:
        return self._count

    def add(self, steps: Sequence[ExecutionStep], slots: int, alone: bool = False) -> None:
        """Add steps, to be shared out evenly to `slots` workers, or each in a batch of its own."""
        for step in steps:
            self._queues.setdefault(needs_of(step), deque()).append(step)
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
        else:
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
