"""What both sides compare before a worker unpickles what it is given.

A pickle of Dagster's objects can be read only by a process that has the same classes. With other
versions, unpickling fails with an error that says nothing of versions, or gives objects that lack
what newer code expects. So the versions travel as plain values, and are compared first.
"""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

WIRE_VERSION = 2
"""Of what is pickled in `tasks` and `messages`. To be raised with every change of these classes."""

Versions = tuple[int, str, str]
"""The wire version, the version of Python, and the version of dagster."""


@cache
def own_versions() -> Versions:
    """Return the versions of this process."""
    try:
        dagster = version("dagster")
    except PackageNotFoundError:
        dagster = "unknown"
    return WIRE_VERSION, platform.python_version(), dagster


def refusal(theirs: Versions) -> str | None:
    """Return why nothing of a run with `theirs` versions can be unpickled here, or None.

    Patch versions of Python agree with each other, and so may two versions of dagster: where these
    differ, it is tried, and `difference` explains a failure.
    """
    ours = own_versions()
    same_wire = theirs[0] == ours[0]
    same_python = theirs[1].split(".")[:2] == ours[1].split(".")[:2]
    return None if same_wire and same_python else difference(theirs)


def difference(theirs: Versions) -> str | None:
    """Return in words how this process differs from one with `theirs` versions, or None."""
    ours = own_versions()
    names = ("version {} of the executor's messages", "Python {}", "dagster {}")
    found = [
        f"{name.format(mine)} instead of {other}"
        for name, mine, other in zip(names, ours, theirs, strict=True)
        if mine != other
    ]
    return ", ".join(found) or None
