"""References to Dagster instances, and what can be told of an instance in a message."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import yaml
from dagster._serdes import ConfigurableClassData
from sqlalchemy import make_url

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from imagetl_assets.dask_executor.dagster_internals.names import InstanceRef


def with_absolute_paths(ref: InstanceRef) -> InstanceRef:
    """Return a reference that means the same in a process with another working directory.

    A `base_dir` of dagster.yaml may be relative, and is meant from where the run's process is.
    """
    changed: dict[str, Any] = {
        name: _absolute(value)
        for name, value in ref._asdict().items()
        if isinstance(value, ConfigurableClassData)
    }
    return ref._replace(**changed)


def place_of(instance: DagsterInstance) -> str:
    """Return where an instance keeps its runs, without credentials."""
    storage: Any = instance.run_storage
    engine, sqlite = getattr(storage, "_engine", None), getattr(storage, "_conn_string", None)
    url = engine.url if engine is not None else make_url(sqlite) if sqlite else None
    if url is None:
        return instance.root_directory
    return str(url.database if sqlite else url.render_as_string(hide_password=True))


def _absolute(data: ConfigurableClassData) -> ConfigurableClassData:
    config = yaml.safe_load(data.config_yaml)
    base = config.get("base_dir") if isinstance(config, dict) else None
    if not isinstance(base, str) or os.path.isabs(base):
        return data
    return data._replace(config_yaml=yaml.safe_dump({**config, "base_dir": os.path.abspath(base)}))


@contextmanager
def state_storage(instance: DagsterInstance) -> Iterator[None]:
    """While open, `DefsStateStorage.get()` finds the instance's storage, as definitions expect.

    Dagster does this when an instance is entered, for the thread at hand. A worker keeps its
    instance open for many batches, whatever thread runs them.
    """
    try:
        from dagster._core.storage.defs_state.base import set_defs_state_storage
    except ImportError:  # Dagster has had no such storage then.
        yield
        return
    with set_defs_state_storage(instance.defs_state_storage):
        yield
