"""Runs a function step by step: it stops before each thing that it does to a store.

A process that is killed, or stopped for ever, is one that does no further step.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

_local = threading.local()


class Stopped(BaseException):
    """Ends the thread of a function that is not to go on."""


class Stepped:
    """A function that does a step whenever it is told to.

    Attributes:
        done: whether the function has returned or raised.
        result: what it has returned.
        error: what it has raised.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self.done = False
        self.result: object = None
        self.error: BaseException | None = None
        self._function = function
        self._go, self._paused = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._paused.acquire()
        self._left = 1  # at so many steps it stops
        self._is_ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._paused.acquire()

    def step(self, number: int = 1) -> None:
        """Let it do so many steps, or fewer if it ends before."""
        if number and not self.done:
            self._left = number
            self._go.release()
            self._paused.acquire()

    def finish(self) -> None:
        """Let it do all that is left."""
        self.step(sys.maxsize)

    def end(self) -> None:
        """End its thread; what it does while it ends is no step."""
        self._is_ended = True
        self.step()

    def _pause(self) -> None:
        self._left -= 1
        if self._is_ended or self._left > 0:
            return
        self._paused.release()
        self._go.acquire()
        if self._is_ended:
            raise Stopped

    def _run(self) -> None:
        _local.stepped = self
        try:
            self._pause()
            self.result = self._function()
        except BaseException as error:
            self.error = error
        finally:
            self.done = True
            self._paused.release()


def checkpoint() -> None:
    """Wait to be told to go on, if this thread is one that runs step by step."""
    stepped: Stepped | None = getattr(_local, "stepped", None)
    if stepped is not None:
        stepped._pause()
