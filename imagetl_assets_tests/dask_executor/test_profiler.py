"""Whether Dask's profiler watches the steps."""

import dask
import pytest
from dagster import DagsterInstance, job, op

from imagetl_assets.dask_executor import dask_executor
from imagetl_assets_tests.dask_executor.conftest import run_job


@op
def profiled() -> bool:
    return bool(dask.config.get("distributed.worker.profile.enabled"))


@job(executor_def=dask_executor)
def profiled_job() -> None:
    profiled()


@pytest.mark.parametrize("chosen", [None, "true", "false"])
def test_workers_of_a_local_cluster_are_only_profiled_if_the_user_says_so(
    chosen: str | None, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED", raising=False)
    if chosen:
        monkeypatch.setenv("DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED", chosen)
    local = {"execution": {"config": {"cluster": {"local": {"n_workers": 1}}}}}
    with run_job(profiled_job, instance, run_config=local) as result:
        assert result.output_for_node("profiled") is (chosen == "true")
