"""Lets signals end the processes that a step forks, as `multiprocessing` on Linux does."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


def let_children_be_terminated() -> None:
    """Have signals end a process that the step forks, although Dagster handles them in this one.

    Python forgets a signal that comes to a new process before that has begun, if it has a handler
    for it. So both signals are blocked until Dagster's handlers are gone; they come after that.
    """
    before = threading.local()

    def block() -> None:
        before.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before.mask)

    def reset_and_unblock() -> None:
        if _is_dagsters(signal.getsignal(signal.SIGINT)):
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if _is_dagsters(signal.getsignal(signal.SIGTERM)):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        unblock()

    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=reset_and_unblock)


def _is_dagsters(handler: Any) -> bool:
    """Tell whether Dagster has set a handler, not the step; it gives SIGTERM that of SIGINT."""
    module = getattr(handler, "__module__", None) or ""
    return handler is signal.default_int_handler or module.startswith("dagster.")
