"""A Dask cluster for one run, made of copies of the test's process.

A job of Dagster's tests often exists only in the memory of the process that has defined it. A copy
of that process (`os.fork`) has it, too, and is a process of its own otherwise: what a step changes
there is seen nowhere else.

For tests that look at what a step has changed, a worker can run in a thread of the test's process.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import threading
import traceback
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from distributed import Scheduler, Worker
from distributed import utils as dask_utils

WORKERS = 2
# Dask warns if the usual port is taken, also without a dashboard, and a test may forbid warnings.
NO_DASHBOARD: dict[str, Any] = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
_PR_SET_PDEATHSIG = 1


@contextmanager
def forked_cluster(folder: str, in_thread: bool, in_copy: Callable[[], None]) -> Iterator[str]:
    """Start a scheduler and workers; yield the scheduler's address.

    Args:
        folder: where workers may keep files.
        in_thread: whether there is one worker, in a thread of this process.
        in_copy: called in each copy of this process that is to be a worker.
    """
    reader, writer = os.pipe()
    copies = [_copy(lambda: _scheduler(writer))]
    os.close(writer)
    with os.fdopen(reader) as told:
        address = told.readline().strip()

    def work_in_copy() -> Coroutine[Any, Any, None]:
        in_copy()
        return _worker(address, folder)

    try:
        if in_thread:
            with _worker_in_thread(address, folder):
                yield address
        else:
            copies += [_copy(work_in_copy) for _ in range(WORKERS)]
            yield address
    finally:
        for pid in copies:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@contextmanager
def _worker_in_thread(address: str, folder: str) -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(_worker(address, folder, over)), daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


def _copy(main: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run `main` in a copy of this process, which ends with this one; return its number."""
    pid = os.fork()
    if pid:
        return pid
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0)  # of pytest-timeout
        gc.freeze()  # After many tests, to look through all that was copied takes seconds.
        dask_utils._offload_executor = ThreadPoolExecutor(1)  # Its threads were not copied.
        asyncio.events._set_running_loop(None)
        asyncio.run(main())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


async def _scheduler(writer: int) -> None:
    async with Scheduler(host="127.0.0.1", port=0, **NO_DASHBOARD) as scheduler:
        os.write(writer, f"{scheduler.address}\n".encode())
        os.close(writer)
        await scheduler.finished()


async def _worker(address: str, folder: str, over: threading.Event | None = None) -> None:
    worker = Worker(address, nthreads=1, host="127.0.0.1", local_directory=folder, **NO_DASHBOARD)
    async with worker:
        while over is None or not over.is_set():
            await asyncio.sleep(0.02 if over else 3600)
