"""For how long the images of an animation are shown: a GIF tells it in hundredths of a second.

Browsers take times of up to 10 ms for none, and show such an image for 100 ms instead, in a GIF as
well as in an animated PNG or WebP. So a GIF has no more than 50 images a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat

LONGEST_MS = 655_350.0
"""The longest time of an image, in milliseconds."""

SHORTEST_MS = 20.0
"""The shortest time that browsers show as it is, in milliseconds."""

_NO_TIME_MS = 10.0
_INSTEAD_MS = 100.0


def hundredths(duration_ms: float) -> int:
    """Return a GIF delay for this many milliseconds. Raises ValueError if GIF cannot hold it."""
    if not 0 <= duration_ms <= LONGEST_MS:
        raise ValueError(f"a frame is shown for 0 to 655,350 milliseconds, not {duration_ms}")
    return int(duration_ms / 10 + 0.5)


def delays(duration_ms: float | Sequence[float]) -> Iterator[int]:
    """Yield the GIF delay of each image, such that the sum is right.

    30 images a second are 3, 4 and 3 hundredths in turn, as a GIF knows only whole hundredths.
    """
    missing = 0.0
    for duration in repeat(duration_ms) if isinstance(duration_ms, int | float) else duration_ms:
        hundredths(duration)  # it has to fit
        missing += duration
        delay = hundredths(min(max(0, missing), LONGEST_MS))
        missing -= delay * 10
        yield delay


def frame_duration(fps: float) -> float:
    """Return the milliseconds that a frame is shown for at `fps` frames a second."""
    if not fps > 0:
        raise ValueError(f"fps must be more than 0, not {fps}")
    return 1000 / fps


def as_browsers(duration_ms: float) -> float:
    """Return for how long browsers show an image that is to be shown for this many milliseconds.

    >>> as_browsers(0), as_browsers(10), as_browsers(17)
    (100.0, 100.0, 17)
    """
    return duration_ms if duration_ms > _NO_TIME_MS else _INSTEAD_MS


def in_gif(duration_ms: float) -> float:
    """Return the time that comes closest to the one that browsers show, and that a GIF can have.

    >>> in_gif(0), in_gif(17), in_gif(40)
    (100.0, 20.0, 40)
    """
    return min(max(as_browsers(duration_ms), SHORTEST_MS), LONGEST_MS)
