"""Whether a server is too slow, by the time that is spent on waiting for it.

What the receiver itself takes, to store what has come, does not count.
"""

from __future__ import annotations

import math


class TooSlow(Exception):
    """Less has come than the least speed asks for."""


class Pace:
    """Adds up what has come, and the time that was waited for it, over one window after another.

    So a file of N bytes takes no longer than N / `least_speed` + `window` seconds of waiting.

    Args:
        least_speed: bytes in a second, on average over a window; 0 for no limit.
        window: seconds of waiting.
    """

    def __init__(self, least_speed: float, window: float) -> None:
        self._least_speed = least_speed
        self._window = window
        self._waited = 0.0
        self._received = 0

    def left(self) -> float:
        """Return the seconds of waiting that are left of this window."""
        return self._window - self._waited if self._least_speed else math.inf

    def received(self, size: int) -> None:
        """Count bytes of the file that have come."""
        self._received += size

    def waited(self, seconds: float) -> None:
        """Count seconds of waiting. Raises TooSlow if a window ends that brought too little."""
        self._waited += seconds
        if not self._least_speed or self._waited < self._window:
            return
        if self._received < self._least_speed * self._window:
            raise TooSlow
        self._waited, self._received = 0.0, 0
