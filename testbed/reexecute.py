"""Re-executes the last run of the instance from failure; exits with 0 if that succeeds."""

import sys

from dagster import DagsterInstance, ReexecutionOptions, execute_job
from dagster._core.definitions.reconstruct import ReconstructableRepository

if __name__ == "__main__":
    repository = ReconstructableRepository.for_module("imagetl_assets.definitions", "defs")
    with DagsterInstance.get() as instance:
        (last,) = instance.get_runs(limit=1)
        with execute_job(
            repository.get_reconstructable_job("image_etl"),
            instance,
            run_config=last.run_config,
            tags=dict(last.tags),
            reexecution_options=ReexecutionOptions.from_failure(last.run_id, instance),
        ) as result:
            sys.exit(not result.success)
