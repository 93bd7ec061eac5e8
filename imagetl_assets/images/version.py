"""What tells apart the GIFs that two versions of the code may make of the same picture."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

_DECODERS = "imagecodecs", "pillow", "pillow-heif", "pillow-jxl-plugin", "tifffile"


@cache  # It is about what this process has loaded, whatever is done to the files later.
def version() -> str:
    """Return a digest of the sources of this package, and of the versions of all decoders.

    A number to be raised by hand would be forgotten, and then a frame that older code has made
    would be taken for one that this code makes. The price is that any change of the package
    counts: all frames are converted once more.
    """
    return _digest(Path(__file__).parent)


def _digest(package: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    for name in _DECODERS:
        digest.update(f"{name} {_installed(name)}\0".encode())
    return digest.hexdigest()[:16]


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
