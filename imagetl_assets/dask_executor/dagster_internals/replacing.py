"""Decides which private parts of Dagster are replaced in this process.

A replacement is written for one version of Dagster's source, and is right for that. So it is used
only if the source that it relies on is that source: for each function that it replaces or relies
on, the table has the digests of the versions that it is known to be right for. With any other
source the replacement is left out. A new version of Dagster makes runs slower then, not wrong.

The environment variable `DAGSTER_DASK_REPLACEMENTS` switches replacements off:

- `off` leaves out all that are about speed
- names with commas between, such as `run-config,annotations`, leave out these
- `on`, or nothing, leaves out none

It counts for the process that has it: workers of a cluster that runs already need it, too.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
from functools import cache
from importlib.metadata import version
from typing import Any

from dagster import DagsterInvariantViolationError

from imagetl_assets.dask_executor.dagster_internals.table import OPTIONAL, TABLE

VARIABLE = "DAGSTER_DASK_REPLACEMENTS"


def in_use(name: str) -> bool:
    """Whether the replacement of this name in the table is to be made in this process."""
    return why_left_out(name) is None


@cache
def why_left_out(name: str) -> str | None:
    """Return why a replacement is left out in this process, as a phrase, or None if it is not."""
    row = next(row for row in TABLE if row.name == name)
    if name in _switched_off():
        return f"{VARIABLE} switches it off"
    for target, digests in row.written_for.items():
        found = digest(target)
        if found is None and target in OPTIONAL:
            continue
        if found is None:
            return f"dagster {version('dagster')} has no readable {target}"
        if found not in digests:
            return f"dagster {version('dagster')} has another {target} than it was written for"
    return None


def left_out() -> list[str]:
    """Return one line for each replacement that is left out in this process."""
    effects = {"speed": "Runs are slower without it.", "safety": "See its reason in the table."}
    return [
        f"The Dask executor leaves out its replacement {row.name!r}: {why}. {effects[row.purpose]}"
        for row in TABLE
        if (why := why_left_out(row.name))
    ]


def digest(target: str) -> str | None:
    """Return a digest of the source of `module:qualified.name`, or None if there is none.

    Comments, blank lines and indentation do not count.
    """
    try:
        source = inspect.getsource(resolve(target))
    except (ImportError, AttributeError, OSError, TypeError):
        return None
    return digest_of_source(source)


def digest_of_source(source: str) -> str:
    """Return the digest of a function's source: 12 hexadecimal digits."""
    lines = (line.strip() for line in source.splitlines())
    code = "\n".join(line for line in lines if line and not line.startswith("#"))
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def resolve(target: str) -> Any:
    """Return what `module:qualified.name` names. Raises ImportError or AttributeError."""
    module, _, qualified = target.partition(":")
    found: Any = importlib.import_module(module)
    for part in qualified.split("."):
        found = inspect.getattr_static(found, part)
    return getattr(found, "__func__", found)  # of a static or class method


def _switched_off() -> set[str]:
    """Return the names that the environment variable lists, in any case.

    Raises:
        DagsterInvariantViolationError: it lists something else.
    """
    setting = os.environ.get(VARIABLE, "").lower()
    names = {name.strip() for name in setting.split(",")} - {"", "on"}
    if names == {"off"}:
        return {row.name for row in TABLE if row.purpose == "speed"}
    if unknown := names - {row.name for row in TABLE}:
        known = ", ".join(row.name for row in TABLE)
        raise DagsterInvariantViolationError(
            f"{VARIABLE} names {', '.join(sorted(unknown))}, which is no replacement of the Dask "
            f"executor. It can be `on`, `off`, or some of: {known}"
        )
    return names
