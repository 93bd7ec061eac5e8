"""The lowest versions that pyproject.toml allows: `python -m testbed.bounds` prints constraints."""

from __future__ import annotations

import re
import sys

from packaging.requirements import Requirement

from testbed.processes import PROJECT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def lowest(extras: tuple[str, ...]) -> dict[str, str]:
    """Return the lowest version of each package that the project needs, and those of extras."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    ours, optional = project["name"], project["optional-dependencies"]
    found: dict[str, str] = {}
    todo = [Requirement(text) for text in project["dependencies"]]
    todo += [Requirement(text) for extra in extras for text in optional[extra]]
    while todo:
        requirement = todo.pop()
        if requirement.name == ours:
            todo += [Requirement(text) for extra in requirement.extras for text in optional[extra]]
        elif bound := re.search(r">=\s*([\w.]+)", str(requirement.specifier)):
            found[requirement.name] = bound[1]
    return found


if __name__ == "__main__":
    for name, version in sorted(lowest(("test",)).items()):
        print(f"{name}=={version}")
