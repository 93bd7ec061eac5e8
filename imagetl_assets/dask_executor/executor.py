"""The executor, as Dagster knows it.

What it needs to execute a plan is imported when it does: processes that only load definitions are
spared half a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagster import DagsterEvent, Executor, executor, multiple_process_executor_requirements

from imagetl_assets.dask_executor.config import CONFIG_SCHEMA, ExecutorConfig
from imagetl_assets.dask_executor.dagster_internals.names import RetryMode

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
        from imagetl_assets.dask_executor.run.execution import execute

        return execute(self._config, plan_context, execution_plan)
