"""Signs of life of the process of a run, for the daemon that watches it (see `run_launcher`)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

from dagster import DagsterInstance

from imagetl_assets.dask_executor.wire.heartbeat import BEAT_SECONDS, OVER, heartbeat_key


@contextmanager
def heartbeat(instance: DagsterInstance, run_id: str) -> Iterator[None]:
    """Leave a sign of life every `BEAT_SECONDS` while the block runs, from a thread of its own."""
    if instance.is_ephemeral:
        yield
        return
    key, over = heartbeat_key(run_id), threading.Event()

    def write(text: str) -> None:
        with suppress(Exception):  # the database is away; the next one may arrive
            instance.daemon_cursor_storage.set_cursor_values({key: text})

    def beat() -> None:
        for number in count():
            write(str(number))
            if over.wait(BEAT_SECONDS):
                return

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(BEAT_SECONDS)
        write(OVER)
