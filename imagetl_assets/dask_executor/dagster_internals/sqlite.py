"""SQLite: connections to Dagster's files are kept for a second, and statements are compiled once.

A run writes to a file of its own some hundred times. Dagster makes a new engine for each statement,
and closes its connection after it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Dialect, Engine

KEPT_SECONDS = 1
KEPT_ENGINES = 8  # There is a file for each run.

_engines: OrderedDict[str, Engine] = OrderedDict()  # by their URLs, the last used one last


def keep_engines() -> None:
    """Have the SQLite storages of this process keep their engines, and connections for a second.

    SQLite folds its write-ahead log into the file whenever the last connection is closed. Dagster
    closes it after each statement, so that is spared, too.
    """
    from dagster._core.storage.event_log.sqlite import sqlite_event_log
    from dagster._core.storage.runs.sqlite import sqlite_run_storage

    # Both modules call the `create_engine` that they have imported.
    for module in (sqlite_event_log, sqlite_run_storage):
        module.create_engine = _engine_instead  # type: ignore[attr-defined]


def _engine_instead(url: str, **options: Any) -> Engine:
    return sqlite_engine(url)


def sqlite_engine(url: str) -> Engine:
    """Return the engine for one of Dagster's SQLite files.

    The connections of those that were not used for longest are closed. An engine that is only
    forgotten keeps its files open until Python looks for cyclic garbage.
    """
    engine = _engines.pop(url, None) or _new_engine(url)
    _engines[url] = engine
    if len(_engines) > KEPT_ENGINES:
        _, oldest = _engines.popitem(last=False)
        type(oldest).dispose(oldest)  # `oldest.dispose` is `_keep`.
    return engine


def _new_engine(url: str) -> Engine:
    from dagster._core.storage import sqlite
    from sqlalchemy import create_engine, event

    # Before 1.13.5, Dagster left it at the 5 seconds of Python's sqlite3.
    timeout = getattr(sqlite, "SQLITE_BUSY_TIMEOUT_SECONDS", 5)

    dialect, statements = _compiler()
    engine = create_engine(
        url,
        execution_options={"compiled_cache": statements},
        # A file may be deleted, and come back as another one.
        pool_recycle=KEPT_SECONDS,
        connect_args={"timeout": timeout},
    )
    engine.dialect = dialect
    event.listen(engine, "connect", _set_up)
    engine.dispose = _keep  # type: ignore[method-assign]  # Dagster calls it after each use.
    return engine


@lru_cache(maxsize=1)
def _compiler() -> tuple[Dialect, MutableMapping[Any, Any]]:
    """Return what compiles statements, and the statements compiled so far, shared by all files."""
    from sqlalchemy import create_engine
    from sqlalchemy.util import LRUCache

    memory = create_engine("sqlite://")
    with memory.connect():  # The first connection completes the dialect.
        return memory.dialect, LRUCache(500)


def _set_up(connection: Any, record: object) -> None:
    # With a write-ahead log, a program that crashes loses nothing, and a loss of power does not
    # damage the file. Dagster asks for such a log as well, but only after it has made the tables.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _keep(close: bool = True) -> None:
    """Stand in for `Engine.dispose`, and keep the connections."""
