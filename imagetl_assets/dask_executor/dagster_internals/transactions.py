"""SQLite: the events of one message are written in one transaction for each file.

Dagster writes an event about an asset to two files: that of the run, and the index of all runs. It
begins and commits three to five transactions for it. Here, the first use of a file within a block
opens a connection and a transaction, later uses get the same one, and all are committed when the
block ends.

Why a crash does no harm: the connections are closed in the reverse order in which they were
opened. The file of the run is opened first, so it is committed last. If the run's process crashes
in between, the index may hold an event that the file of the run lacks. (Dagster commits in the
other order, so there the index may lack it.) With that process, the run is lost. A re-execution
from failure runs each step that has no success in the file of the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any

from imagetl_assets.dask_executor.dagster_internals.replacing import in_use

if TYPE_CHECKING:
    from sqlalchemy import Connection


def transactions(storage: Any) -> Transactions:
    """Return the transactions of an event log. There is one object for all who ask."""
    found: Transactions | None = vars(storage).get("_transactions")
    if found is None:
        found = storage._transactions = Transactions(storage)
    return found


class Transactions:
    """Lets an event log write many events to each of its SQLite files at once.

    Does nothing for an event log on another database.
    """

    def __init__(self, storage: Any) -> None:
        from dagster._core.storage.event_log import SqliteEventLogStorage

        self._opened: dict[str, Connection] | None = None
        self._lock = RLock()
        if isinstance(storage, SqliteEventLogStorage) and in_use("sqlite-transactions"):
            # The lock is taken again for the second file, while the first one is open.
            storage._db_lock = RLock()  # type: ignore[assignment]
            self._connect = storage._connect
            storage._connect = self._connect_once  # type: ignore[method-assign]

    @contextmanager
    def one(self) -> Iterator[None]:
        """Write all that is stored within the block in one transaction for each file."""
        with self._lock, ExitStack() as self._open:
            self._opened = {}
            try:
                yield
            finally:
                self._opened = None

    @contextmanager
    def _connect_once(self, shard: str) -> Iterator[Connection]:
        with self._lock:  # Other threads wait until the block has ended.
            if self._opened is None:
                with self._connect(shard) as connection:
                    yield connection
                return
            if shard not in self._opened:
                self._opened[shard] = self._open.enter_context(self._connect(shard))
            yield self._opened[shard]
