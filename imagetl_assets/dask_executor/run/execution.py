"""Executes a plan: opens a Dask cluster, and has `loop` run the steps on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from imagetl_assets.dask_executor.clusters.opening import open_cluster
from imagetl_assets.dask_executor.dagster_internals.names import (
    ActiveExecution,
    InstanceConcurrencyContext,
)
from imagetl_assets.dask_executor.dagster_internals.prepare import (
    prepare_instance,
    prepare_storages,
)
from imagetl_assets.dask_executor.dagster_internals.replacing import left_out
from imagetl_assets.dask_executor.dagster_internals.steps import free_slots
from imagetl_assets.dask_executor.run.exit import exit_without_collecting
from imagetl_assets.dask_executor.run.heartbeat import heartbeat
from imagetl_assets.dask_executor.run.loop import Run
from imagetl_assets.dask_executor.run.reexecution import with_steps_never_started
from imagetl_assets.dask_executor.run.state import RunState
from imagetl_assets.dask_executor.run.submitting import warm_up_source

if TYPE_CHECKING:
    from dagster import DagsterEvent

    from imagetl_assets.dask_executor.config import ExecutorConfig
    from imagetl_assets.dask_executor.dagster_internals.names import (
        ExecutionPlan,
        PlanOrchestrationContext,
    )


def execute(
    config: ExecutorConfig, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
) -> Iterator[DagsterEvent]:
    """Execute all steps of a plan; yield their events, which are in the event log by then.

    Raises:
        DaskClusterError: the cluster cannot be used, or its scheduler was lost.
        DagsterExecutionInterruptedError: the run was asked to stop.
    """
    prepare_storages()
    prepare_instance(plan_context.instance)
    exit_without_collecting()
    for line in left_out():
        plan_context.log.debug(line)
    execution_plan = with_steps_never_started(plan_context, execution_plan)
    with ExitStack() as stack:
        stack.enter_context(heartbeat(plan_context.instance, plan_context.run_id))
        cluster = stack.enter_context(
            open_cluster(
                config.cluster,
                plan_context.job_name,
                warm_up_source(plan_context, execution_plan.repository_load_data),
            )
        )
        concurrency = stack.enter_context(
            InstanceConcurrencyContext(plan_context.instance, plan_context.dagster_run)
        )
        stack.callback(free_slots, concurrency)
        active = stack.enter_context(
            ActiveExecution(
                execution_plan,
                retry_mode=config.retries,
                tag_concurrency_limits=config.tag_concurrency_limits,
                step_dependency_config=config.step_dependency,
                instance_concurrency_context=concurrency,
            )
        )
        run = Run(RunState(config, plan_context, cluster, active), execution_plan)
        try:
            yield run.start_event()
            yield from run.events()
            if config.performance_report:
                yield from run.report()
        finally:
            run.close()
