from dagster import DagsterInstance

from imagetl_assets_tests.dask_executor.conftest import DaskProcesses, run_job
from imagetl_assets_tests.dask_executor.jobs import dynamic_job


def test_dynamic_outputs_are_mapped_and_collected(
    cluster: DaskProcesses, instance: DagsterInstance
) -> None:
    config = {**cluster.run_config(), "ops": {"numbers": {"config": {"count": 27}}}}
    with run_job(dynamic_job, instance, run_config=config) as result:
        assert result.success
        assert result.output_for_node("total") == 2 * sum(range(27))
