"""Re-execution from failure, completed: Dagster leaves out mapped steps that were never started.

Dagster derives what is to be run again from the parent run's event log. A mapped step that had not
started when its run was lost has left no event there, so it would be missing for good, and a step
that collects would go on without it and succeed.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus

from imagetl_assets.dask_executor.dagster_internals.names import (
    ExecutionPlan,
    KnownExecutionState,
    PlanOrchestrationContext,
    ResolvedFromDynamicStepHandle,
    create_execution_plan,
)


def with_steps_never_started(
    context: PlanOrchestrationContext, plan: ExecutionPlan
) -> ExecutionPlan:
    """Return the plan of a re-execution from failure with the mapped steps that Dagster left out.

    The same plan if none are missing, or if the steps were selected in another way.
    """
    instance, run = context.instance, context.dagster_run
    if not plan.known_state.dynamic_mappings:
        return plan
    ancestors = list(_ancestors(instance, run))
    if not ancestors or not _is_from_failure(instance, ancestors[0], plan):
        return plan
    done = {
        log.step_key
        for ancestor in ancestors
        for log in instance.all_logs(
            ancestor.run_id, of_type={DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_SKIPPED}
        )
    }
    selection = ancestors[-1].step_keys_to_execute
    missing = [
        step.key
        for handle, step in plan.step_dict.items()
        if isinstance(handle, ResolvedFromDynamicStepHandle)
        and (selection is None or handle.unresolved_form.to_key() in selection)
        and step.key not in done
        and step.key not in plan.step_keys_to_execute
    ]
    if not missing:
        return plan
    return create_execution_plan(
        context.reconstructable_job,
        run_config=context.run_config,
        step_keys_to_execute=[*plan.step_keys_to_execute, *missing],
        known_state=plan.known_state,
        repository_load_data=plan.repository_load_data,
    )


def _ancestors(instance: DagsterInstance, run: DagsterRun) -> Iterator[DagsterRun]:
    """Yield the run's parent, its parent, and so on."""
    while run.parent_run_id is not None:
        parent = instance.get_run_by_id(run.parent_run_id)
        if parent is None:
            return
        yield parent
        run = parent


def _is_from_failure(instance: DagsterInstance, parent: DagsterRun, plan: ExecutionPlan) -> bool:
    if parent.status not in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED):
        return False
    steps, _ = KnownExecutionState.build_resume_retry_reexecution(instance, parent)
    return set(steps) == set(plan.step_keys_to_execute)
