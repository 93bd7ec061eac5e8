"""The table of all private parts that are replaced, and of the public ones that are listened to.

How to read a row: see `replacement.Replacement`. How to change one after an upgrade of Dagster: see
"A new version of Dagster" in CONTRIBUTING.md.

`saves` was measured with `python -m benchmarks --only replacements`: the time of a run of 27 frames
on two workers that were there before, with all replacements against without this one. It is the
median of the ratios of 9 rounds. Without any, the run takes 1.5 s instead of 0.35 s.

Not in the table, as nothing private is replaced: `worker/forwarding.py` puts its own `store_event`
in the place of that of the worker's event log. `EventLogStorage.store_event` is what every storage
plugin of Dagster has to have, so all events pass it.
"""

from __future__ import annotations

from collections.abc import Mapping

from imagetl_assets.dask_executor.dagster_internals.digests import DIGESTS
from imagetl_assets.dask_executor.dagster_internals.replacement import Replacement

_SQLITE = "dagster._core.storage.event_log.sqlite.sqlite_event_log:SqliteEventLogStorage"
_SQL = "dagster._core.storage.event_log.sql_event_log:SqlEventLogStorage"
_RUNS = "dagster._core.storage.runs.sql_run_storage:SqlRunStorage"
_SQLITE_RUNS = "dagster._core.storage.runs.sqlite.sqlite_run_storage:SqliteRunStorage"
_POSTGRES = "dagster_postgres.event_log.event_log:PostgresEventLogStorage"
_INSTANCE = "dagster._core.instance.instance:DagsterInstance"


def _written_for(*targets: str) -> Mapping[str, Mapping[str, str]]:
    return {target: DIGESTS[target] for target in targets}


TABLE: tuple[Replacement, ...] = (
    Replacement(
        name="sqlite-engines",
        purpose="speed",
        replaces="`create_engine` in Dagster's two SQLite storages. Engines are kept, one for each "
        "file, with their connection for a second.",
        why="Dagster makes an engine and opens the file for each statement.",
        saves="a third of the run: 0.35 s instead of 0.52 s",
        proposal="Keep one engine for each file in SqliteEventLogStorage and SqliteRunStorage.",
        test="test_sqlite.py::test_dagster_uses_the_kept_connections",
        written_for=_written_for(
            f"{_SQLITE}._connect",
            f"{_SQLITE}._initdb",
            f"{_SQLITE_RUNS}.from_local",
            f"{_SQLITE_RUNS}.connect",
        ),
    ),
    Replacement(
        name="migration-scripts",
        purpose="speed",
        replaces="`ScriptDirectory` and `stamp` in `dagster._core.storage.sql`. The scripts are "
        "read once for each process.",
        why="For each new file, and there is one for each run, about 100 scripts are read twice.",
        saves="7 % of the run",
        proposal="Cache ScriptDirectory.from_config beside get_alembic_config, which is cached.",
        test="test_sqlite.py::test_the_migration_scripts_are_read_once",
        written_for=_written_for(
            "dagster._core.storage.sql:get_alembic_config",
            "dagster._core.storage.sql:check_alembic_revision",
            "dagster._core.storage.sql:stamp_alembic_rev",
            "alembic.command:stamp",
        ),
    ),
    Replacement(
        name="sqlite-transactions",
        purpose="speed",
        replaces="`_connect` and `_db_lock` of one SqliteEventLogStorage. What is stored within a "
        "block is one transaction for each file.",
        why="An event about an asset takes three to five transactions, in two files.",
        saves="2 % of the run, more with more events of assets",
        proposal="A public EventLogStorage.store_event_batch that is one transaction on SQLite.",
        test="test_sqlite.py::test_events_are_written_to_both_files_in_one_transaction",
        written_for=_written_for(
            f"{_SQLITE}._connect",
            f"{_SQLITE}.run_connection",
            f"{_SQLITE}.index_connection",
            f"{_SQLITE}.store_event",
            f"{_SQL}.index_transaction",
        ),
    ),
    Replacement(
        name="event-rows",
        purpose="speed",
        replaces="`store_event` for events that are a row in the event log's table and nothing "
        "more. Workers make the row, and the run's process inserts many in one statement.",
        why="Each event is made into JSON, written and committed by itself.",
        saves="8 % of the run",
        proposal="As above: a batch of events in one transaction, for all SQL storages.",
        test="test_events.py::test_rows_made_on_a_worker_are_those_that_dagster_makes",
        written_for=_written_for(
            f"{_SQL}._event_to_row",
            f"{_SQL}.prepare_insert_event",
            f"{_SQL}.store_event",
            f"{_SQLITE}.store_event",
            f"{_POSTGRES}.store_event",
            "dagster._core.instance.methods.event_methods:EventMethods.handle_new_event",
        ),
    ),
    Replacement(
        name="run-config",
        purpose="speed",
        replaces="`ResolvedRunConfig.build`. The same run config of the same job is resolved once.",
        why="It is validated and resolved twice for each batch, which grows with the job.",
        saves="1 % of the run, more with more assets and more config",
        proposal="Let create_execution_plan and the context manager share a ResolvedRunConfig.",
        test="test_lookups.py::test_a_runs_config_is_resolved_once_and_another_runs_anew",
        written_for=_written_for("dagster._core.system_config.objects:ResolvedRunConfig.build"),
    ),
    Replacement(
        name="annotations",
        purpose="speed",
        replaces="`infer_output_props`. The annotations and docstring of a function are read once.",
        why="They are read for each step, and docstrings are parsed.",
        saves="1 % of the run",
        proposal="Cache it where the op is defined.",
        test="test_lookups.py::test_annotations_of_a_function_are_looked_at_once",
        written_for=_written_for("dagster._core.definitions.inference:infer_output_props"),
    ),
    Replacement(
        name="resource-types",
        purpose="speed",
        replaces="`namedtuple` in `scoped_resources_builder`. A type is made once for each set of "
        "resource names.",
        why="To make a named tuple type compiles source text. It is done six times for each step.",
        saves="2 % of the run",
        proposal="Cache the type by its field names.",
        test="test_lookups.py::test_resources_of_the_same_names_have_the_same_base_type",
        written_for=_written_for(
            "dagster._core.definitions.scoped_resources_builder:ScopedResourcesBuilder.build"
        ),
    ),
    Replacement(
        name="schema",
        purpose="speed",
        replaces="`has_table`, `has_run_stats_index_cols` and `_has_asset_key_col_on_connection` "
        "of an instance's storages. That a table or column is there is remembered.",
        why="The database is asked with each event of an asset or a check.",
        saves="2 % of the run",
        proposal="Remember it in the storage: a column does not go away while a process runs.",
        test="test_lookups.py::test_dagster_asks_the_storages_what_they_have",
        written_for=_written_for(
            f"{_SQL}.has_table",
            f"{_SQL}._has_asset_key_col_on_connection",
            f"{_RUNS}.has_run_stats_index_cols",
        ),
    ),
    Replacement(
        name="partitions",
        purpose="speed",
        replaces="`has_dynamic_partition` of an instance. That a partition exists is remembered "
        "for a second.",
        why="It is asked with each input and each output of a step of a partitioned asset.",
        saves="15 % of the run",
        proposal="Check a run's partition once, when the run starts.",
        test="test_lookups.py::test_own_changes_of_partitions_are_seen_at_once",
        written_for=_written_for(
            f"{_INSTANCE}.has_dynamic_partition", f"{_INSTANCE}.delete_dynamic_partition"
        ),
    ),
    Replacement(
        name="compute-log-mirrors",
        purpose="speed",
        replaces="`mirror_stream_to_file` in `local_compute_log_manager`. Output goes to the file, "
        "and is copied to the process's own output when the capture ends.",
        why="Dagster starts four processes for each capture.",
        saves="almost half of the run: 0.35 s instead of 0.59 s",
        proposal="A setting of the compute log manager that switches off the mirror.",
        test="test_events.py::test_the_capture_of_output_needs_no_processes",
        written_for=_written_for(
            "dagster._core.execution.compute_logs:mirror_stream_to_file",
            "dagster._core.execution.compute_logs:redirect_to_file",
            "dagster._core.storage.local_compute_log_manager:LocalComputeLogManager.capture_logs",
        ),
    ),
    Replacement(
        name="database-patience",
        purpose="safety",
        replaces="`store_event` and `handle_run_event` of storages with an SQLAlchemy engine, and "
        "how the engine connects. They wait a minute for a database that is away, and write "
        "each event once.",
        why="Dagster gives up after five seconds, and a run ends if its database restarts.",
        saves="nothing: it costs some microseconds for each event",
        proposal="A setting for how long a storage waits, and an id that makes writing again safe.",
        test="test_database.py::"
        "test_a_run_goes_on_after_the_database_has_crashed_and_started_again",
        written_for=_written_for(
            f"{_SQL}._event_to_row",
            f"{_SQL}.store_event",
            f"{_SQL}.store_asset_event",
            f"{_SQL}.store_asset_event_tags",
            f"{_SQL}.store_asset_check_event",
            f"{_RUNS}.handle_run_event",
            f"{_POSTGRES}.store_event",
        ),
    ),
)

OPTIONAL = {f"{_SQL}._has_asset_key_col_on_connection", f"{_POSTGRES}.store_event"}
"""Functions that need not be there: an older Dagster, or no dagster-postgres."""
