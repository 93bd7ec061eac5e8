"""Put one folder in the place of another, at once where the system can."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

# See renameat2(2) and, for macOS, renamex_np(2).
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_RENAME_SWAP = 2


def exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two folders of one file system, so that both are there at any moment.

    Returns:
        Whether that was done. It is not if the system, or this file system, cannot do it.

    Raises:
        FileNotFoundError: one of them is not there.
    """
    call = _system_call()
    if call is None:
        return False
    if call(os.fsencode(one), os.fsencode(other)) == 0:
        return True
    for path in (one, other):
        os.stat(path)
    return False


@cache
def _system_call() -> Any:
    """Return what exchanges two paths, and returns 0 if it was done; None if there is no such."""
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        call = library.renameat2
        call.argtypes = [
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_uint,
        ]
        return lambda one, other: call(_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        call = library.renamex_np
        call.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint]
        return lambda one, other: call(one, other, _RENAME_SWAP)
    return None
