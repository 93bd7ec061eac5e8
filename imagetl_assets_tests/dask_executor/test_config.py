"""Config: all that dagster-dask takes, and a clear refusal of what makes no sense."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dagster_dask
import pytest
from dagster import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvariantViolationError,
    ExecutorDefinition,
)
from dagster._config import process_config
from dagster._core.execution.retries import RetryMode

from imagetl_assets.dask_executor import dask_executor
from imagetl_assets.dask_executor.clusters.kinds import KINDS
from imagetl_assets.dask_executor.config import CONFIG_SCHEMA, ExecutorConfig
from imagetl_assets.dask_executor.wire.tasks import Isolation
from imagetl_assets_tests.dask_executor.jobs_graphs import diamond_job
from testbed.dagster_runs import run_error, run_job


def config_type(executor: ExecutorDefinition) -> Any:
    return executor.config_schema.config_type


def kinds(executor: ExecutorDefinition) -> Mapping[str, Any]:
    """The cluster kinds that an executor's config offers."""
    fields: Mapping[str, Any] = config_type(executor).fields["cluster"].config_type.fields
    return fields


def resolve(config: Mapping[str, Any]) -> ExecutorConfig:
    """As Dagster does it before it makes the executor."""
    evaluated = process_config(config_type(dask_executor), dict(config))
    assert evaluated.success, evaluated.errors
    return ExecutorConfig.from_config(evaluated.value or {})


# Compatible with dagster-dask


def test_every_field_of_dagster_dask_is_a_field_of_the_same_kind() -> None:
    theirs = config_type(dagster_dask.dask_executor)
    ours = config_type(dask_executor)
    assert set(theirs.fields) <= set(ours.fields)
    assert set(kinds(dagster_dask.dask_executor)) <= set(kinds(dask_executor))
    for kind, field in kinds(dagster_dask.dask_executor).items():
        assert kinds(dask_executor)[kind].config_type.kind == field.config_type.kind
        assert kinds(dask_executor)[kind].is_required <= field.is_required


@pytest.mark.parametrize("kind", sorted({*kinds(dagster_dask.dask_executor)} - {"existing"}))
def test_a_cluster_of_every_kind_of_dagster_dask_takes_any_arguments(kind: str) -> None:
    arguments = {"n_workers": 3, "nested": {"anything": ["goes"]}}
    config = {"cluster": {kind: arguments}}
    assert process_config(config_type(dagster_dask.dask_executor), config).success
    resolved = resolve(config)
    assert (resolved.cluster_kind, resolved.cluster_options) == (kind, arguments)
    assert resolve({"cluster": {kind: {}}}).cluster_options == {}
    assert kind in KINDS


def test_the_requirements_are_those_of_dagster_dask() -> None:
    ours = dask_executor.get_requirements({})
    assert ours == dagster_dask.dask_executor.get_requirements({})


def test_the_address_of_an_existing_cluster_can_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCHEDULER", "tcp://scheduler:8786")
    resolved = resolve({"cluster": {"existing": {"address": {"env": "SCHEDULER"}}}})
    assert resolved.cluster_options == {"address": "tcp://scheduler:8786"}


# Defaults, and what is refused


def test_without_config_steps_run_on_a_local_cluster_with_retries() -> None:
    assert resolve({}) == ExecutorConfig(
        cluster_kind="local", cluster_options={}, retries=RetryMode.ENABLED
    )


def test_every_field_of_the_schema_is_described_and_has_a_default() -> None:
    for field in CONFIG_SCHEMA.values():
        assert field.description
        assert field.default_provided or not field.is_required


@pytest.mark.parametrize(
    "config",
    [
        {"clusters": {"local": {}}},
        {"cluster": {}},
        {"cluster": {"cloud": {}}},
        {"cluster": {"local": {}, "ssh": {}}},
        {"cluster": {"existing": {}}},
        {"cluster": {"existing": {"address": 8786}}},
        {"cluster": {"existing": {"address": "tcp://scheduler:8786", "port": 1}}},
        {"retries": {"sometimes": {}}},
        {"max_concurrent": "many"},
        {"max_worker_losses": "none"},
        {"worker_timeout": "long"},
        {"tag_concurrency_limits": [{"limit": 1}]},
    ],
    ids=str,
)
def test_config_that_makes_no_sense_is_refused_before_the_run_starts(
    config: dict[str, Any], instance: DagsterInstance
) -> None:
    with pytest.raises(DagsterInvalidConfigError):
        run_job(diamond_job, instance, run_config={"execution": {"config": config}})
    assert instance.get_runs_count() == 0


@pytest.mark.parametrize(
    "config",
    [
        {"max_concurrent": -1},
        {"max_worker_losses": -1},
        {"worker_timeout": 0},
        {"worker_silence": 0},
    ],
    ids=str,
)
def test_numbers_out_of_range_fail_the_run_with_the_reason(
    config: dict[str, int], instance: DagsterInstance
) -> None:
    result = run_job(diamond_job, instance, run_config={"execution": {"config": config}})
    assert not result.success
    ((name, value),) = config.items()
    assert f"{name} is {value}" in run_error(result)


def test_a_cluster_kind_whose_package_is_missing_fails_the_run_with_the_remedy(
    instance: DagsterInstance,
) -> None:
    if find_spec("dask_kubernetes"):
        pytest.skip("dask-kubernetes is installed")
    assert "Install dask-kubernetes" in error_of_cluster({"kube": {}}, instance)


def test_yarn_is_not_told_to_install_what_does_not_work(instance: DagsterInstance) -> None:
    error = error_of_cluster({"yarn": {}}, instance)
    assert "Install" not in error
    assert "existing: {address" in error


@pytest.mark.parametrize(
    ("kind", "program"),
    [
        ("pbs", "qsub"),
        ("moab", "msub"),
        ("sge", "qsub"),
        ("lsf", "bsub"),
        ("slurm", "sbatch"),
        ("oar", "oarsub"),
    ],
)
def test_a_batch_program_that_is_missing_is_named(
    kind: str,
    program: str,
    instance: DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("dask_jobqueue", reason="needs dask-jobqueue: pip install '.[jobqueue]'")
    monkeypatch.setenv("PATH", str(tmp_path))
    options = {"cores": 1, "processes": 1, "memory": "1GB", "n_workers": 1}
    error = error_of_cluster({kind: options}, instance)
    assert f"{program} and " in error
    assert "PATH" in error
    assert "existing: {address" in error


def error_of_cluster(cluster: dict[str, Any], instance: DagsterInstance) -> str:
    config = {"execution": {"config": {"cluster": cluster}}}
    result = run_job(diamond_job, instance, run_config=config)
    assert not result.success
    return run_error(result)


def test_a_gateway_needs_to_be_told_how_many_workers() -> None:
    with pytest.raises(DagsterInvariantViolationError, match="n_workers in its options"):
        resolve({"cluster": {"gateway": {"address": "http://gateway"}}})
    assert resolve({"cluster": {"gateway": {"n_workers": 2}}}).cluster_options == {"n_workers": 2}


@pytest.mark.parametrize(
    ("config", "isolation"),
    [
        (False, None),
        (True, Isolation()),
        ({"python": "/opt/python"}, Isolation("/opt/python")),
        ({"env": {"B": "2", "A": "1"}}, Isolation(None, (("A", "1"), ("B", "2")))),
    ],
)
def test_how_steps_are_isolated(config: object, isolation: Isolation | None) -> None:
    assert resolve({"isolate": config}).isolation == isolation


@pytest.mark.parametrize("value", [1, "yes", [], {"pyhton": "p"}, {"env": 3}, {"env": {"A": 1}}])
def test_how_a_step_cannot_be_isolated(value: object) -> None:
    with pytest.raises(ValueError, match="is not how a process is started"):
        Isolation.from_value(value)
