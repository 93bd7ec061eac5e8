"""A limit for the time that work on images may take.

Every single piece of work is bounded, as no picture may have more than so many pixels, but a small
file may ask for very many pieces. So loops over frames, and over the images of an animation, look
at the clock between two of them. Nothing is interrupted, and no thread or process is needed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_until: ContextVar[tuple[float, float] | None] = ContextVar("_until", default=None)


class OutOfTime(Exception):
    """The work has taken longer than it may. The message says how long that is."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Within the block, and in this thread, let `check_time` raise after so many seconds."""
    token = _until.set((time.monotonic() + seconds, seconds))
    try:
        yield
    finally:
        _until.reset(token)


def check_time() -> None:
    """Raise OutOfTime if there is a limit and it has passed."""
    limit = _until.get()
    if limit is not None and time.monotonic() > limit[0]:
        raise OutOfTime(f"it has taken more than {limit[1]:,.0f} seconds")
