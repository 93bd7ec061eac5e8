"""Alembic: Dagster's hundred migration scripts are read once for each process.

Dagster reads them twice for each new SQLite file (there is one for each run), and once for each
file that it opens for the first time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory


def keep_scripts() -> None:
    """Have this process keep the migration scripts that it has read."""
    from dagster._core.storage import sql

    replaced: Any = sql
    replaced.ScriptDirectory = _KeptScripts
    replaced.stamp = _stamp


class _KeptScripts:
    """Stands in for alembic's class of this name, in the one module of Dagster that uses it."""

    @staticmethod
    @lru_cache(maxsize=3)  # Dagster has one config for each kind of storage, which it keeps.
    def from_config(config: Config) -> ScriptDirectory:
        from alembic.script import ScriptDirectory

        return ScriptDirectory.from_config(config)


def _stamp(config: Config, revision: str) -> None:
    """Write into a database which revision it has, as `alembic.command.stamp` does."""
    from alembic.runtime.migration import MigrationContext

    context = MigrationContext.configure(config.attributes["connection"])
    context.stamp(_KeptScripts.from_config(config), revision)
