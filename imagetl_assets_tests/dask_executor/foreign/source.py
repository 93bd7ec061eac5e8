"""Gets Dagster's own tests, which are in the source distribution of the installed version."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

from testbed import NotHere

PACKAGE = "dagster_tests"


def dagster_tests() -> Path:
    """Return the folder that holds the package `dagster_tests`; it is kept for the next time.

    Raises:
        NotHere: the package index has no source distribution of this version, or is out of reach.
    """
    installed = version("dagster")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "dagster-tests")
    folder = cache / installed
    if not folder.exists():
        archive = _download(installed, cache)
        _unpack(archive, folder)
        archive.unlink()
    return folder


def _download(installed: str, cache: Path) -> Path:
    options = ["--quiet", "--no-deps", "--no-binary", "dagster", "--dest", str(cache)]
    command = [sys.executable, "-m", "pip", "download", *options, f"dagster=={installed}"]
    done = subprocess.run(command, capture_output=True, text=True)
    archive = cache / f"dagster-{installed}.tar.gz"
    if done.returncode or not archive.exists():
        reason = done.stderr.strip().splitlines()[-1:] or ["there is none"]
        raise NotHere(f"needs the source distribution of dagster {installed}: {reason[0]}")
    return archive


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack the tests alone. The installed dagster is what they are to test."""
    with tarfile.open(archive) as tar:
        root = tar.getnames()[0].split("/")[0]
        members = []
        for member in tar.getmembers():
            if member.name.startswith(f"{root}/{PACKAGE}/"):
                member.name = member.name.removeprefix(f"{root}/")
                members.append(member)
        partial = folder.with_suffix(".partial")
        tar.extractall(partial, members, filter="data")
    partial.rename(folder)
