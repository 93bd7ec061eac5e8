"""Checks the workers: does a worker have the versions and settings of the run's process?

Each worker is asked when a run connects to its cluster, or when it joins later. The run warns of a
worker that differs, in one line. A difference does not fail the run: the run goes on for as long as
everything works.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from imagetl_assets.dask_executor.wire.calls import by_source

_CREDENTIALS = re.compile(r"(?<=//)[^/?#\s]*@|[?#]\S*")
_SECRET_NAME = re.compile("KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL", re.IGNORECASE)

Facts = Mapping[str, str | None]
"""The versions and environment variables of a process, by name; None for what it does not have."""


def question(environment: Sequence[str]) -> Callable[[], Facts]:
    """Return the call that asks a worker for its facts. It takes the worker a millisecond.

    The worker imports nothing of this package for it, so that it can be asked if it has none.
    """
    return by_source(facts, environment)


def warning(worker: str, answer: Facts | BaseException, own: Facts) -> str | None:
    """Return a warning of a worker that differs, or None if it does not.

    Args:
        worker: its address.
        answer: its facts, or the error that it had instead of an answer.
        own: the facts of the run's process.
    """
    if isinstance(answer, BaseException):
        return None  # The worker is lost, or will be soon. That is noticed elsewhere.
    found = [
        _in_words(name, answer.get(name), value)
        for name, value in own.items()
        if answer.get(name) != value
    ]
    if not found:
        return None
    return (
        f"Dask worker {worker} differs from the run's process: it has {', '.join(found)}. "
        "Start it with the same versions and settings."
    )


def facts(environment: Sequence[str]) -> Facts:
    """Return the versions and these environment variables of this process.

    This function travels as source text, so it imports all that it uses.
    """
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, version

    def installed(package: str) -> str | None:
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    packages = ("dagster", "dask", "distributed", "cloudpickle", "msgpack")
    return {
        "Python": platform.python_version(),
        **{name: installed(name) for name in packages},
        **{name: os.environ.get(name) for name in environment},
    }


def _in_words(name: str, theirs: str | None, ours: str | None) -> str:
    shown, expected = _shown(name, theirs), _shown(name, ours)
    if shown == expected:
        return f"another secret in {name}"
    return f"{name} {shown} instead of {expected}"


def _shown(name: str, value: str | None) -> str:
    if not value:
        return "missing" if value is None else "empty"
    return "***" if _SECRET_NAME.search(name) else _CREDENTIALS.sub("", value)
