"""A digest of the source files of a job, which both sides compute and compare."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagetl_assets.dask_executor.dagster_internals.names import CodePointer

MAX_SOURCE_FILES = 2000
"""Of one package. The version of a larger one is not compared, as reading it takes too long."""


def code_version(pointer: CodePointer) -> str | None:
    """Return a digest of the Python sources of the package (or file) that definitions are from.

    None if it is not known where they are, or if there are more than `MAX_SOURCE_FILES`.
    """
    root = _source_root(pointer)
    return None if root is None else _digest(root)


@cache  # It is about what this process has loaded, whatever is done to the files later.
def _digest(root: Path) -> str | None:
    files = [root] if root.is_file() else sorted(root.rglob("*.py"))
    if len(files) > MAX_SOURCE_FILES:
        return None
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(root.parent)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _source_root(pointer: CodePointer) -> Path | None:
    module_name = getattr(pointer, "module", None)
    if isinstance(module_name, str):
        module = sys.modules.get(module_name.split(".")[0])
        file = getattr(module, "__file__", None)
        if file is None:
            return None
        path = Path(file)
        return path.parent if path.name == "__init__.py" else path
    file = getattr(pointer, "python_file", None)
    if isinstance(file, str):
        return Path(getattr(pointer, "working_directory", None) or os.curdir, file)
    return None
