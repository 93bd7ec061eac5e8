"""dagster-celery, as far as its tests of execution need it, with this project's executor."""

from typing import Any

from dagster import Permissive, executor, multiple_process_executor_requirements

from imagetl_assets.dask_executor import DaskExecutor
from imagetl_assets.dask_executor.config import ExecutorConfig


@executor(
    name="celery",
    config_schema=Permissive(),
    requirements=multiple_process_executor_requirements(),
)
def celery_executor(_context: Any) -> DaskExecutor:
    """Runs steps on two Dask workers, whatever its config says of brokers and queues."""
    return DaskExecutor(ExecutorConfig(cluster_options={"n_workers": 2}))
