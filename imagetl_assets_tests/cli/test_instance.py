"""The Dagster instance of a command: made as a whole, whatever has happened before."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from dagster import DagsterInstance, job

from imagetl_assets.cli.instance import make_databases, open_instance
from imagetl_assets.dask_executor.dagster_internals.sqlite import _engines
from testbed.trivial_ops import one


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@job
def ones() -> None:
    one()


class Killed(BaseException):
    pass


def kill_while_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a database without a table that is needed, as a kill at the right moment does."""

    def killed(*args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(DagsterInstance, "get_dynamic_partitions", killed)
        with pytest.raises(Killed), open_instance():
            pass


def drop_table(home: Path) -> None:
    database = sqlite3.connect(home / "history" / "runs" / "index.db")
    database.execute("DROP TABLE dynamic_partitions")
    database.commit()
    database.close()
    # A command begins without the connections that an executor in this process has kept.
    _engines.clear()


def test_databases_that_were_only_half_made_are_made_anew(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_while_it_is_made(monkeypatch)
    drop_table(home)
    make_databases(home)
    with open_instance() as instance:
        assert instance.get_dynamic_partitions("upstream_files") == []
    assert not (home / ".imagetl.unfinished").exists()


def test_databases_that_have_runs_are_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command was killed at the last moment, and others have used the instance since."""
    kill_while_it_is_made(monkeypatch)
    with DagsterInstance.get() as instance:
        run = instance.create_run_for_job(ones)
    with open_instance() as instance:
        assert instance.get_run_by_id(run.run_id)
    assert not (home / ".imagetl.unfinished").exists()
