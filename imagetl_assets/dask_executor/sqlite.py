"""Dagster's SQLite storages, without doing anew for each statement what can be kept.

A run writes a file of its own, some hundred times. Dagster makes an engine for each statement, and
reads its hundred migration scripts twice for each new file and once for each file newly opened. Of
an event about an asset it writes more than a row, to two files, in a transaction each.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection, Dialect, Engine

KEPT_SECONDS = 1


def make_sqlite_fast() -> None:
    """Have this process's SQLite storages keep connections and migration scripts.

    A connection is kept for `KEPT_SECONDS` per file. Without that, SQLite also folds its
    write-ahead log into the file after each statement, as it does when a file is closed.
    """
    from dagster._core.storage import sql
    from dagster._core.storage.event_log.sqlite import sqlite_event_log
    from dagster._core.storage.runs.sqlite import sqlite_run_storage

    # Both call the `create_engine` that they have imported; `sql` calls the other two.
    for module in (sqlite_event_log, sqlite_run_storage):
        module.create_engine = _engine_instead  # type: ignore[attr-defined]
    replaced: Any = sql
    replaced.ScriptDirectory = _KeptScripts
    replaced.stamp = _stamp


def transactions(storage: Any) -> Transactions:
    """The transactions of an event log, which has one for all who ask."""
    found: Transactions | None = vars(storage).get("_transactions")
    if found is None:
        found = storage._transactions = Transactions(storage)
    return found


class Transactions:
    """Lets an event log write many events to each of its files at once.

    Dagster begins and commits several transactions for each event. Does nothing for an event log
    that is not SQLite.
    """

    def __init__(self, storage: Any) -> None:
        from dagster._core.storage.event_log import SqliteEventLogStorage

        self._opened: dict[str, Connection] | None = None
        self._lock = RLock()
        if isinstance(storage, SqliteEventLogStorage):
            storage._db_lock = RLock()  # type: ignore[assignment]  # both files are open at once
            self._connect = storage._connect
            storage._connect = self._connect_once  # type: ignore[method-assign]

    @contextmanager
    def one(self) -> Iterator[None]:
        """Write all in one transaction for each file, which ends with the block.

        What was opened first is committed last: the file of a run, after the one of all runs.
        """
        with self._lock, ExitStack() as self._open:
            self._opened = {}
            try:
                yield
            finally:
                self._opened = None

    @contextmanager
    def _connect_once(self, shard: str) -> Iterator[Connection]:
        with self._lock:  # other threads wait
            if self._opened is None:
                with self._connect(shard) as connection:
                    yield connection
                return
            if shard not in self._opened:
                self._opened[shard] = self._open.enter_context(self._connect(shard))
            yield self._opened[shard]


def _engine_instead(url: str, **options: Any) -> Engine:
    return sqlite_engine(url)


@lru_cache(maxsize=8)  # there is a file for each run
def sqlite_engine(url: str) -> Engine:
    """An engine for one of Dagster's SQLite files."""
    from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
    from sqlalchemy import create_engine, event

    dialect, statements = _compiler()
    engine = create_engine(
        url,
        execution_options={"compiled_cache": statements},
        # A file may be deleted, and come back as another one.
        pool_recycle=KEPT_SECONDS,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
    )
    engine.dialect = dialect
    event.listen(engine, "connect", _set_up)
    engine.dispose = _keep  # type: ignore[method-assign]  # Dagster calls it after each use
    return engine


@lru_cache(maxsize=1)
def _compiler() -> tuple[Dialect, MutableMapping[Any, Any]]:
    """What compiles statements, and those compiled: for all files, as there are new ones always."""
    from sqlalchemy import create_engine
    from sqlalchemy.util import LRUCache

    memory = create_engine("sqlite://")
    with memory.connect():  # which completes the dialect
        return memory.dialect, LRUCache(500)


def _set_up(connection: Any, record: object) -> None:
    # With a write-ahead log, no crash of a program loses anything, and no loss of power harms it.
    # Dagster asks for the log as well, but only once it has made the tables of a new file.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _keep(close: bool = True) -> None:
    """Do nothing."""


class _KeptScripts:
    """Stands in for alembic's class of this name, in the one place where Dagster uses it."""

    @staticmethod
    @lru_cache(maxsize=3)  # Dagster has one config for each kind of storage, which it keeps
    def from_config(config: Config) -> ScriptDirectory:
        from alembic.script import ScriptDirectory

        return ScriptDirectory.from_config(config)


def _stamp(config: Config, revision: str) -> None:
    """Note in a database which revision it has: as `alembic.command.stamp`, with kept scripts."""
    from alembic.runtime.migration import MigrationContext

    context = MigrationContext.configure(config.attributes["connection"])
    context.stamp(_KeptScripts.from_config(config), revision)
