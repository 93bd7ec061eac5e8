"""The start-up check: does a worker have the versions and settings of the run's process?

Each worker is asked when a run connects to its cluster, or when it joins later. What differs is
told in one line per worker, and is no reason to fail: a run stops where something does not work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from imagetl_assets.dask_executor.calls import by_source

_CREDENTIALS = re.compile(r"(?<=//)[^/?#\s]*@|[?#]\S*")
_SECRET_NAME = re.compile("KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL", re.IGNORECASE)

Facts = Mapping[str, str | None]


def question(environment: Sequence[str]) -> Callable[[], Facts]:
    """What a worker is to be asked; costs it a millisecond, and imports nothing of this package."""
    return by_source(facts, environment)


def warning(worker: str, answer: Facts | BaseException, environment: Sequence[str]) -> str | None:
    """What to say of a worker after its answer; None if there is nothing to say."""
    if isinstance(answer, BaseException):
        return None  # it is gone or about to go, which is told otherwise
    found = [
        _in_words(name, answer.get(name), value)
        for name, value in facts(environment).items()
        if answer.get(name) != value
    ]
    if not found:
        return None
    return (
        f"Dask worker {worker} differs from the run's process: it has {', '.join(found)}. "
        "Start it with the same versions and settings."
    )


def facts(environment: Sequence[str]) -> Facts:
    """What this process has, by name: versions, and these environment variables.

    Travels by its source: it must import what it uses.
    """
    import os
    import platform

    from distributed.versions import get_package_info

    packages = get_package_info(["dagster"])
    names = ("dagster", "dask", "distributed", "cloudpickle", "msgpack")
    return {
        "Python": platform.python_version(),
        **{name: packages.get(name) for name in names},
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
