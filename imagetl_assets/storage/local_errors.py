"""What the errors of a file system mean for a folder as a store."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagetl_assets.storage.base import StoreError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
# It would be the same at the next attempt: no right, a file where a folder has to be, a bad name,
# a file larger than the file system can hold.
CANNOT_BE_WRITTEN = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EINVAL,
    errno.EFBIG,
)
REASONS = dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "a file is where a folder has to be")


def store_error(error: OSError, path: str | Path) -> StoreError | None:
    """Return what an error amounts to that came from writing to `path`; None if it may pass."""
    if error.errno in NO_ROOM:
        return StoreError(
            f"{os.path.dirname(path)}: disk full; make room and run it again", may_pass=False
        )
    if error.errno in CANNOT_BE_WRITTEN:
        reason = REASONS.get(error.errno) or (error.strerror or "").lower()
        return StoreError(f"{path} cannot be written: {reason}", may_pass=False)
    return None


@contextmanager
def explained(path: str | Path, *, makes_folders: bool = True) -> Iterator[None]:
    """Raise a StoreError in the place of an OSError that trying again does not change.

    Args:
        path: of what is written.
        makes_folders: whether all folders above it are made in the block, so that something is
            wrong with the place if it is not found. If not, FileNotFoundError passes.
    """
    try:
        yield
    except FileNotFoundError:
        if not makes_folders:
            raise
        raise StoreError(f"{path}: no folder can be made there", may_pass=False) from None
    except OSError as error:
        if (known := store_error(error, path)) is None:
            raise
        raise known from None
