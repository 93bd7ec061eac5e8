"""What Ctrl-C, SIGTERM and SIGHUP do: one line, and exit code 128 + the number of the signal."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any

_SIGNALS = [signal.SIGINT, signal.SIGTERM]
if hasattr(signal, "SIGHUP"):
    _SIGNALS.append(signal.SIGHUP)
# A run that was interrupted has this time to end properly.
_PATIENCE_SECONDS = 20
# After this time, a signal that came has been seen by the thread that watches for them.
_UNTIL_WATCHED_SECONDS = 0.05
# What Python's tracker of semaphores says if the process ends at once, and it has to tidy up.
_TRACKER_WARNING = "ignore:resource_tracker:UserWarning"


def exit_at_once() -> None:
    """From here on, end the process when a signal comes. Nothing has to be tidied up yet."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, _exit)


class Interrupted(BaseException):
    """A signal came. Its argument is the signal's number."""


@contextmanager
def raised() -> Iterator[None]:
    """Raise `Interrupted` when a signal comes, so that the block can tidy up."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Interrupts:
    """Remembers the first signal that came.

    Attributes:
        number: of the signal, or None.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that a signal has ended."""
        return 128 + (self.number or signal.SIGINT)


@contextmanager
def remembered() -> Iterator[Interrupts]:
    """Remember the first signal, and leave it to the code of the block to react to it.

    The block may set handlers of its own. A second signal, or too long a time after the first one,
    ends the process. After the block, signals are ignored: the process is about to end.
    """
    interrupts = Interrupts()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # Python writes the number of each signal there, whatever its handler is.
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading, interrupts), daemon=True).start()
    sys.unraisablehook = partial(tell_unless_interrupted, interrupts)
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            is_hangup = number not in (signal.SIGINT, signal.SIGTERM)
            signal.signal(number, _as_interrupt if is_hangup else _do_nothing)
    try:
        yield interrupts
    finally:
        signal.set_wakeup_fd(before)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def tell_unless_interrupted(interrupts: Interrupts, unraisable: Any) -> None:
    """Show an error that cannot be raised, but not that of an object that was half made.

    A signal interrupts whatever the process is at, such as the start of an event loop.
    """
    time.sleep(_UNTIL_WATCHED_SECONDS)
    if interrupts.number is None:
        sys.__unraisablehook__(unraisable)


def say_interrupted() -> None:
    """Say so in one line; what the process and its threads print after that is not shown."""
    with suppress(OSError):
        os.write(2, b"imagetl: interrupted\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


@contextmanager
def held_back() -> Iterator[None]:
    """Start processes in the block to which Ctrl-C in a terminal does nothing.

    They end when this process tells them to, or has ended.
    """
    if sys.platform == "win32":
        yield
        return
    from multiprocessing import resource_tracker

    if _TRACKER_WARNING not in sys.warnoptions:
        sys.warnoptions.append(_TRACKER_WARNING)  # which processes that are started here inherit
    resource_tracker.ensure_running()  # its start would set the mask anew
    blocked = {signal.SIGINT, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        yield  # processes that are started inherit the mask
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _raise(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Be there, so that the signal is not ignored."""


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C does at this moment: Dagster sets handlers for INT and TERM only."""
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(number, frame)


def _exit(number: int, frame: FrameType | None) -> None:
    say_interrupted()
    os._exit(128 + number)


def _watch(reading: int, interrupts: Interrupts) -> None:
    for byte in iter(lambda: os.read(reading, 1), b""):
        if byte[0] in _SIGNALS:
            if interrupts.number is not None:
                _exit(interrupts.number, None)
            interrupts.number = byte[0]
            timer = threading.Timer(_PATIENCE_SECONDS, _exit, (byte[0], None))
            timer.daemon = True
            timer.start()
