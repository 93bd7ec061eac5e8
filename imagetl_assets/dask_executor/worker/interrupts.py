"""Interrupts the batch of a run that this process is running."""

from __future__ import annotations

import ctypes
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from imagetl_assets.dask_executor.dagster_internals.names import DagsterExecutionInterruptedError

MAX_REMEMBERED = 100

_lock = threading.Lock()  # It guards the next two.
_interrupts: dict[str, Callable[[], None]] = {}  # run token -> what interrupts its batch
_interrupted_runs: OrderedDict[str, None] = OrderedDict()  # run tokens, oldest first


def interrupt(token: str) -> bool:
    """Interrupt the batch of a run that this process is running, and start none of it any more.

    Returns whether one was running. Dask calls this on the thread of its event loop.
    """
    with _lock:
        _interrupted_runs[token] = None
        while len(_interrupted_runs) > MAX_REMEMBERED:
            _interrupted_runs.popitem(last=False)
        interrupt_batch = _interrupts.get(token)
        if interrupt_batch is not None:
            interrupt_batch()
        return interrupt_batch is not None


@contextmanager
def interruptible(token: str, interrupt_batch: Callable[[], None] | None = None) -> Iterator[None]:
    """While open, what is done can be interrupted by the token of its run.

    Args:
        token: of the run.
        interrupt_batch: interrupts it, and returns at once. None: this thread is interrupted.

    Raises:
        DagsterExecutionInterruptedError: the run was interrupted, now or before.
    """
    with _lock:
        if token in _interrupted_runs:
            raise DagsterExecutionInterruptedError()
        before = _interrupts.get(token)
        _interrupts[token] = interrupt_batch or partial(_interrupt_thread, threading.get_ident())
    try:
        yield
    finally:
        with _lock:
            if before is None:
                _interrupts.pop(token, None)
            else:
                _interrupts[token] = before


def _interrupt_thread(thread: int) -> None:
    # The exception is raised between two bytecodes of that thread, so not during a call into C.
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(DagsterExecutionInterruptedError)
    )
