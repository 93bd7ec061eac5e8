"""Virtual environments for peers whose packages do not fit those of the project."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from testbed import NotHere
from testbed.processes import PROJECT
from testbed.pythons import find_python

CACHE = PROJECT / ".benchmarks"
PEERS = PROJECT / "benchmarks" / "peers"
_DONE = "installed.txt"


class NotInstallable(Exception):
    """A peer cannot be installed here; the message says why."""


def environment(requirements: Path, python: str, cache: Path = CACHE) -> Path:
    """Return the interpreter of an environment with these requirements; create it if need be.

    Args:
        requirements: the requirements file.
        python: the version that it needs, such as "3.8".
        cache: the folder that holds the environments.

    Raises:
        NotInstallable: there is no such Python, or pip fails.
    """
    folder = cache / requirements.stem
    wanted = requirements.read_text()
    interpreter = folder / "bin" / "python"
    done = folder / _DONE
    if done.exists() and done.read_text() == wanted:
        return interpreter
    try:
        base = find_python(python)
    except NotHere as error:
        raise NotInstallable(f"it {error}") from None
    shutil.rmtree(folder, ignore_errors=True)
    print(f"  installing {requirements.name} into {folder}", flush=True)
    _call(base, "-m", "venv", str(folder))
    _call(str(interpreter), "-m", "pip", "install", "-q", "-r", str(requirements))
    done.write_text(wanted)
    return interpreter


def versions(python: str, packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of Python and of packages that an interpreter has."""
    program = (
        "import importlib.metadata as m, json, platform, sys; "
        "print(json.dumps({'python': platform.python_version(), "
        "**{name: m.version(name) for name in sys.argv[1:]}}))"
    )
    found: dict[str, str] = json.loads(_call(python, "-c", program, *packages))
    return found


def program_version(*command: str) -> dict[str, str]:
    """Return the version that a program tells of itself in its first line."""
    told = subprocess.run(command, capture_output=True, text=True).stdout
    found = re.search(r"\d[\w.+~-]*", told.split("\n")[0])
    return {Path(command[0]).name: found[0] if found else "of an unknown version"}


def _call(*command: str) -> str:
    """Return what a command prints. Raises NotInstallable with the reason if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise NotInstallable(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        said = (done.stdout + done.stderr).splitlines()  # venv prints its errors to standard output
        errors = [line for line in said if "error" in line.lower()]
        raise NotInstallable(errors[-1].strip()[:200] if errors else f"{command[0]} failed")
    return done.stdout
