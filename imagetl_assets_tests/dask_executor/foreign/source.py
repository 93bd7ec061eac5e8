"""Gets the tests of Dagster and its libraries, which are in their source distributions."""

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
    """Return the folder that holds the package `dagster_tests` of the installed version.

    Raises:
        NotHere: the package index has no source distribution of this version, or is out of reach.
    """
    return unpacked_tests("dagster", version("dagster"), PACKAGE)


def unpacked_tests(library: str, release: str, package: str, leave_out: str = "") -> Path:
    """Return the folder that holds the tests of a library; it is kept for the next time.

    Args:
        library: such as `dagster-dask`.
        release: its version.
        package: the package of the tests.
        leave_out: the name of files that are not unpacked.

    Raises:
        NotHere: the package index has no source distribution of this version, or is out of reach.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", f"{library}-tests")
    folder = cache / release
    if not folder.exists():
        archive = _download(library, release, cache)
        _unpack(archive, folder, package, leave_out)
        archive.unlink()
    return folder


def _download(library: str, release: str, cache: Path) -> Path:
    options = ["--quiet", "--no-deps", "--no-binary", library, "--dest", str(cache)]
    command = [sys.executable, "-m", "pip", "download", *options, f"{library}=={release}"]
    done = subprocess.run(command, capture_output=True, text=True)
    archive = cache / f"{library.replace('-', '_')}-{release}.tar.gz"
    if done.returncode or not archive.exists():
        reason = done.stderr.strip().splitlines()[-1:] or ["there is none"]
        raise NotHere(f"needs the source distribution of {library} {release}: {reason[0]}")
    return archive


def _unpack(archive: Path, folder: Path, package: str, leave_out: str) -> None:
    """Unpack the tests alone. The installed library is what they are to test."""
    with tarfile.open(archive) as tar:
        root = tar.getnames()[0].split("/")[0]
        members = []
        for member in tar.getmembers():
            if Path(member.name).name != leave_out and member.name.startswith(f"{root}/{package}/"):
                member.name = member.name.removeprefix(f"{root}/")
                members.append(member)
        partial = folder.with_suffix(".partial")
        tar.extractall(partial, members, filter="data")
    partial.rename(folder)
