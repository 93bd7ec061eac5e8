"""Interrupts the batch of a run that this process is running."""

from __future__ import annotations

import ctypes
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from imagetl_assets.dask_executor.dagster_internals.names import DagsterExecutionInterruptedError

MAX_REMEMBERED = 100

_lock = threading.Lock()  # It guards the next two.
_running_threads: dict[str, int] = {}  # run token -> thread that runs a batch of it
_interrupted_runs: OrderedDict[str, None] = OrderedDict()  # run tokens, oldest first


def interrupt(token: str) -> bool:
    """Interrupt the batch of a run that this process is running, and start none of it any more.

    Returns whether one was running. Dask calls this on the thread of its event loop.
    """
    with _lock:
        _interrupted_runs[token] = None
        while len(_interrupted_runs) > MAX_REMEMBERED:
            _interrupted_runs.popitem(last=False)
        thread = _running_threads.get(token)
        if thread is None:
            return False
        # The exception is raised between two bytecodes of that thread, so not during a call into C.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread), ctypes.py_object(DagsterExecutionInterruptedError)
        )
        return True


@contextmanager
def interruptible(token: str) -> Iterator[None]:
    """While open, this thread can be interrupted by the token of its run.

    Raises:
        DagsterExecutionInterruptedError: the run was interrupted, now or before.
    """
    with _lock:
        if token in _interrupted_runs:
            raise DagsterExecutionInterruptedError()
        _running_threads[token] = threading.get_ident()
    try:
        yield
    finally:
        with _lock:
            _running_threads.pop(token, None)
