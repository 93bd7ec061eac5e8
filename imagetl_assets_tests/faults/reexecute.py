"""Re-executes a run of `image_etl` from failure, in this process.

python -m imagetl_assets_tests.faults.reexecute RUN_ID
"""

import sys

from dagster import DagsterInstance, ReexecutionOptions, execute_job
from dagster._core.definitions.reconstruct import ReconstructableRepository


def main(run_id: str) -> int:
    repository = ReconstructableRepository.for_module("imagetl_assets.definitions", "defs")
    job = repository.get_reconstructable_job("image_etl")
    with DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        options = ReexecutionOptions.from_failure(run_id, instance)
        with execute_job(
            job, instance, run_config=run.run_config, tags=run.tags, reexecution_options=options
        ) as result:
            return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
