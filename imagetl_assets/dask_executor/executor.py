"""The executor, as Dagster knows it: it opens a Dask cluster, and has `run.loop` run the plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from dagster import DagsterEvent, Executor, executor, multiple_process_executor_requirements

from imagetl_assets.dask_executor.clusters.opening import open_cluster
from imagetl_assets.dask_executor.config import CONFIG_SCHEMA, ExecutorConfig
from imagetl_assets.dask_executor.dagster_internals.names import (
    ActiveExecution,
    InstanceConcurrencyContext,
    RetryMode,
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
    from dagster import InitExecutorContext

    from imagetl_assets.dask_executor.dagster_internals.names import (
        ExecutionPlan,
        PlanOrchestrationContext,
    )


@executor(
    name="dask",
    config_schema=CONFIG_SCHEMA,
    requirements=multiple_process_executor_requirements(),
)
def dask_executor(init_context: InitExecutorContext) -> DaskExecutor:
    """Runs the steps of a job on a Dask cluster.

    A drop-in for the executor of dagster-dask, whose config it takes. Example:

    .. code-block:: python

        from dagster import job
        from imagetl_assets.dask_executor import dask_executor

        @job(executor_def=dask_executor)
        def my_job(): ...

    With the run config ``{"execution": {"config": {"cluster": {"existing": {"address":
    "tcp://scheduler:8786"}}}}}`` the steps run on that cluster. Without it, they run on a local one
    that is started for the run and stopped after it.
    """
    return DaskExecutor(ExecutorConfig.from_config(init_context.executor_config))


class DaskExecutor(Executor):
    """Executes plans on a Dask cluster. For its config see `ExecutorConfig`."""

    def __init__(self, config: ExecutorConfig) -> None:
        self._config = config

    @property
    def retries(self) -> RetryMode:
        """Whether steps that ask for a retry get one."""
        return self._config.retries

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Execute all steps of a plan; yield their events, which are in the event log by then.

        Raises:
            DaskClusterError: the cluster cannot be used, or its scheduler was lost.
            DagsterExecutionInterruptedError: the run was asked to stop.
        """
        config = self._config
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
