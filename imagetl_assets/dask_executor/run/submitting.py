"""Hands steps that are ready to Dask, in batches of about one for each worker."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from imagetl_assets.dask_executor.dagster_internals.instances import with_absolute_paths
from imagetl_assets.dask_executor.dagster_internals.names import GLOBAL_CONCURRENCY_TAG
from imagetl_assets.dask_executor.run.batches import BatchInFlight
from imagetl_assets.dask_executor.run.needs import Needs
from imagetl_assets.dask_executor.run.ready_steps import state_for_steps
from imagetl_assets.dask_executor.run.rows import Rows
from imagetl_assets.dask_executor.wire.code_version import code_version
from imagetl_assets.dask_executor.wire.tasks import Batch, Header, RunSpec
from imagetl_assets.dask_executor.wire.versions import own_versions

if TYPE_CHECKING:
    from dagster import DagsterEvent

    from imagetl_assets.dask_executor.dagster_internals.names import (
        ExecutionPlan,
        ExecutionStep,
        IExecutionStep,
        KnownExecutionState,
        PlanOrchestrationContext,
        RepositoryLoadData,
    )
    from imagetl_assets.dask_executor.run.state import RunState

BATCHES_PER_WORKER = 2
"""One that runs, and one that waits for it at the worker."""


class Submitter:
    """Submits the ready steps of a run.

    Attributes:
        token: unique for this execution of the run.
    """

    def __init__(self, state: RunState, plan: ExecutionPlan) -> None:
        self.token = uuid.uuid4().hex
        self._state = state
        self._run_spec = _run_spec(state, plan).to_wire()
        # A step that holds a slot of a pool, or of a limit by tags, must not wait for a worker.
        limits = state.config.tag_concurrency_limits
        self._limited = bool(limits) or any(map(_is_in_pool, plan.steps))
        # If a step may start before the one before it has ended, the plan may give it out early.
        self._makes_rows = (
            not self._limited and state.config.step_dependency.require_upstream_step_success
        )
        self._rows = Rows(plan, state.config.isolation)
        self._submitted = 0

    def submit_ready_steps(self) -> Iterator[DagsterEvent]:
        """Submit as many batches as the cluster can use now; yield events of waiting for pools."""
        state = self._state
        waiting = len(state.batches.step_keys()) + len(state.ready)
        limit = max(0, state.slots - waiting) if self._limited else None
        if limit != 0:
            state.add_ready(state.active.get_steps_to_execute(limit))
            yield from state.active.concurrency_event_iterator(state.context)
        most = state.config.max_concurrent or state.slots * BATCHES_PER_WORKER
        if not state.ready or len(state.batches) >= most:
            return
        known_state = state.active.get_known_state()
        while state.ready and len(state.batches) < most:
            needs, steps, alone = state.ready.take()
            in_a_row = len(steps) == 1 and not alone and self._makes_rows
            following = self._rows.after(steps[0]) if in_a_row else []
            self._submit(needs, steps, following, known_state)

    def _submit(
        self,
        needs: Needs,
        steps: list[ExecutionStep],
        following: list[ExecutionStep],
        known_state: KnownExecutionState,
    ) -> None:
        self._submitted += 1
        number = self._submitted
        all_steps = [*steps, *following]
        keys = [step.key for step in all_steps]
        known = state_for_steps(known_state, all_steps)
        batch = Batch(number, keys, known, needs.isolation)
        self._state.batches.add(
            BatchInFlight(number, needs, keys[: len(steps)], keys[len(steps) :])
        )
        cluster = self._state.cluster
        header = Header(
            versions=own_versions(), token=self.token, topic=cluster.topic, batch=number
        )
        # Dask's dashboard shows by one name and colour what has the same beginning.
        key = f"{_name(steps)}-{self.token}-{number}"
        cluster.submit(
            number, key, (header, self._run_spec, batch.to_wire()), needs.submit_options()
        )


def warm_up_source(context: PlanOrchestrationContext, load_data: RepositoryLoadData | None) -> str:
    """Return Python source that loads what the steps of a run need of Dagster, and never fails."""
    instance_ref = with_absolute_paths(context.instance.get_ref())
    pickled = pickle.dumps((context.reconstructable_job, load_data, instance_ref))
    return f"from imagetl_assets.dask_executor.worker.loading import warm_up; warm_up({pickled!r})"


def _run_spec(state: RunState, plan: ExecutionPlan) -> RunSpec:
    context = state.context
    job = context.reconstructable_job
    return RunSpec(
        job=job,
        # Steps look up there which of their inputs are from the parent run.
        dagster_run=context.dagster_run._replace(
            step_keys_to_execute=context.dagster_run.step_keys_to_execute
            and plan.step_keys_to_execute
        ),
        run_config=context.run_config,
        instance_ref=with_absolute_paths(context.instance.get_ref()),
        retry_mode=state.config.retries,
        repository_load_data=plan.repository_load_data,
        step_output_versions=plan.known_state.step_output_versions,
        parent_state=plan.known_state.parent_state,
        code_version=code_version(job.repository.pointer),
    )


def _name(steps: Sequence[ExecutionStep]) -> str:
    """Return what the steps of a batch are called, if all are of the same op, else `steps`."""
    names = {str(step.node_handle) for step in steps}
    return names.pop() if len(names) == 1 else "steps"


def _is_in_pool(step: IExecutionStep) -> bool:
    """Whether a step waits for a slot of a pool, or of what Dagster had before it had pools."""
    return bool(step.pool or (step.tags or {}).get(GLOBAL_CONCURRENCY_TAG))
