"""Workers use the instance that holds the run, or say that they have another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import DagsterInstance
from sqlalchemy import create_engine

from imagetl_assets.dask_executor.dagster_internals.instances import (
    place_of,
    with_absolute_paths,
)
from imagetl_assets_tests.dask_executor.jobs import mark_job
from testbed.dagster_runs import Marks, local_instance, run_error, run_job
from testbed.dask_cluster import DaskProcesses


def test_a_relative_folder_of_the_instance_is_meant_from_where_the_run_is(
    cluster: DaskProcesses, tmp_path: Path, marks: Marks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers of this cluster have another working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    storage = {"sqlite": {"base_dir": ".state"}}
    with local_instance(tmp_path / "home", storage=storage) as instance:
        config = cluster.run_config()
        with run_job(mark_job, instance, run_config=config, tags=marks.tags) as result:
            assert result.success
    assert not (cluster.folder / ".state").exists()


def test_a_worker_with_another_instance_runs_nothing_and_says_where_it_looked(
    own_cluster: Callable[..., DaskProcesses],
    tmp_path: Path,
    marks: Marks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a host that does not share the run's folder, or whose variables are set otherwise."""
    for name in ("home", "here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TESTS_STATE", str(tmp_path / "here"))
    dask = own_cluster(0)
    dask.start_workers(1, env={"TESTS_STATE": str(tmp_path / "there")})
    storage = {"sqlite": {"base_dir": {"env": "TESTS_STATE"}}}
    with local_instance(tmp_path / "home", storage=storage) as instance:
        result = run_job(mark_job, instance, run_config=dask.run_config(), tags=marks.tags)
        assert not result.success
        error = run_error(result)
        assert "another Dagster instance than the run's process" in error
        assert str(tmp_path / "there") in error
        assert result.run_id in error
    assert list(marks.folder.iterdir()) == []


def test_a_place_is_told_without_a_password() -> None:
    engine = create_engine("postgresql://me:s3cret@host/runs")
    instance: Any = SimpleNamespace(run_storage=SimpleNamespace(_engine=engine))
    assert place_of(instance) == "postgresql://me:***@host/runs"


def test_what_is_absolute_or_comes_from_the_environment_stays_as_it_is(tmp_path: Path) -> None:
    with local_instance(tmp_path) as instance:
        ref = instance.get_ref()
        assert with_absolute_paths(ref) == ref
    (tmp_path / "other").mkdir()
    storage = {"sqlite": {"base_dir": {"env": "HOME"}}}
    with local_instance(tmp_path / "other", storage=storage) as instance:
        ref = instance.get_ref()
        assert with_absolute_paths(ref) == ref


def test_the_instance_is_asked_for_a_run_once(instance: DagsterInstance) -> None:
    from imagetl_assets.dask_executor.worker.loading import load_instance

    run = instance.create_run_for_job(mark_job)
    loaded = load_instance(instance.get_ref())
    assert loaded.knows_run(run.run_id)
    instance.delete_run(run.run_id)
    assert loaded.knows_run(run.run_id)
    assert not loaded.knows_run("another")
