"""Other versions of Python on this machine. `python3 -m testbed.pythons 3.13` prints a path."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from testbed import NotHere


def find_python(version: str) -> str:
    """Return the path of an interpreter of this version, such as "3.13".

    Raises:
        NotHere: there is none.
    """
    for candidate in _candidates(version):
        if _version(candidate) == version:
            return candidate
    raise NotHere(f"needs Python {version}, which neither PATH, pyenv nor uv has")


def _candidates(version: str) -> Iterator[str]:
    yield sys.executable
    if on_path := shutil.which(f"python{version}"):
        yield on_path
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    yield from sorted(glob.glob(f"{glob.escape(pyenv)}/versions/{version}.*/bin/python"))
    if uv := shutil.which("uv"):
        found = subprocess.run([uv, "python", "find", version], capture_output=True, text=True)
        if found.returncode == 0:
            yield found.stdout.strip()


def _version(python: str) -> str | None:
    """Return which version an interpreter is, or None if it does not run, as some shims do not."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", program], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


if __name__ == "__main__":
    try:
        print(find_python(sys.argv[1]))
    except NotHere as error:
        sys.exit(str(error))
