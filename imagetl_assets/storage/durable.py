"""What survives a power failure: what the system was told to write to the disk itself.

Without that, a system keeps written files in memory for up to half a minute. It costs one to some
milliseconds for each file (see docs/storage.md), so it is done only if a setting asks for it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from imagetl_assets.settings import fsync


def sync_file(file: BinaryIO) -> None:
    """Have the disk hold what was written to a file. Raises OSError if it cannot."""
    file.flush()
    if fsync():
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have the disk hold the names that are in a folder now. Raises OSError if it cannot."""
    if not fsync():
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
