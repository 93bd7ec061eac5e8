"""How the process of a run ends.

At its exit, Python looks through all objects for garbage. After a run, these are some 200,000: the
code and the definitions of Dagster, which take almost a second to look through, of which nothing
comes. The memory goes back to the system a moment later anyway.
"""

from __future__ import annotations

import atexit
import functools
import gc


@functools.cache
def exit_without_collecting() -> None:
    """Leave all objects that this process has at its exit out of Python's last collection."""
    atexit.register(gc.freeze)
