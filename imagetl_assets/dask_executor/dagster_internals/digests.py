"""Which sources the replacements were written for: digests, with the versions that have them.

The versions are those of dagster, dagster-postgres or alembic, whichever the function is from. They
were compared one by one: between two digests of a function, nothing has changed that a replacement
relies on. `python -m imagetl_assets.dask_executor.dagster_internals` tells the digests of what is
installed.
"""

# ruff: noqa: E501
from __future__ import annotations

from collections.abc import Mapping

DIGESTS: Mapping[str, Mapping[str, str]] = {
    "dagster._core.storage.event_log.sqlite.sqlite_event_log:SqliteEventLogStorage._connect": {
        "8fe0d98a04b1": "1.11.0 to 1.13.4",
        "e9f47a21878e": "1.13.6 to 1.13.29",
    },
    "dagster._core.storage.event_log.sqlite.sqlite_event_log:SqliteEventLogStorage._initdb": {
        "f2f5e2b0be27": "1.11.0 to 1.13.29",
    },
    "dagster._core.storage.event_log.sqlite.sqlite_event_log:SqliteEventLogStorage.run_connection": {
        "1e105effa6b5": "1.11.0 to 1.12.14",
        "dd2117d5bcbe": "1.12.17 to 1.13.29",
    },
    "dagster._core.storage.event_log.sqlite.sqlite_event_log:SqliteEventLogStorage.index_connection": {
        "b559aa737cd5": "1.11.0 to 1.13.29",
    },
    "dagster._core.storage.event_log.sqlite.sqlite_event_log:SqliteEventLogStorage.store_event": {
        "cf66db855ff3": "1.11.0 to 1.12.10",
        "57c65055ceed": "1.12.14 to 1.12.20",
        "ad96db200f57": "1.12.22 to 1.13.12",
        "760094df3afd": "1.13.15 to 1.13.29",
    },
    "dagster._core.storage.event_log.sql_event_log:SqlEventLogStorage.index_transaction": {
        "d1e05a85bdd3": "1.11.0 to 1.13.29",
    },
    "dagster._core.storage.event_log.sql_event_log:SqlEventLogStorage.store_event": {
        "ef1d34bda3d5": "1.11.0 to 1.12.20",
        "e2f5e41a4bc8": "1.12.22 to 1.13.12",
        "5654eef1677d": "1.13.15 to 1.13.29",
    },
    "dagster._core.storage.event_log.sql_event_log:SqlEventLogStorage._event_to_row": {
        "b797c4a1a430": "1.11.0 to 1.13.29",
    },
    "dagster._core.storage.event_log.sql_event_log:SqlEventLogStorage.prepare_insert_event": {
        "0e2b1a93c85a": "1.11.0 to 1.13.29",
    },
    "dagster._core.storage.event_log.sql_event_log:SqlEventLogStorage.store_asset_event": {
        "97aeebc7d46e": "1.11.0 to 1.13.12",
        "8456d84ff5b0": "1.13.15 to 1.13.29",
    },
    "dagster._core.storage.event_log.sql_event_log:SqlEventLogStorage.store_asset_event_tags": {
        "470fc0a39e51": "1.11.0 to 1.13.12",
        "2727449bf188": "1.13.15 to 1.13.29",
    },
    "dagster._core.storage.event_log.sql_event_log:SqlEventLogStorage.store_asset_check_event": {
        "82e4f83b77ae": "1.11.0 to 1.12.14",
        "0b03a160a3df": "1.12.17 to 1.13.29",
    },
    "dagster._core.storage.event_log.sql_event_log:SqlEventLogStorage.has_table": {
        "ec918fe5c5fc": "1.11.0 to 1.13.29",
    },
    "dagster._core.storage.event_log.sql_event_log:SqlEventLogStorage._has_asset_key_col_on_connection": {
        "54d64757bee7": "1.13.15 to 1.13.29",
    },
    "dagster._core.storage.runs.sqlite.sqlite_run_storage:SqliteRunStorage.from_local": {
        "da446181fb5c": "1.11.0 to 1.12.14",
        "5b019e57d3d5": "1.12.17 to 1.13.29",
    },
    "dagster._core.storage.runs.sqlite.sqlite_run_storage:SqliteRunStorage.connect": {
        "4791678fdaeb": "1.11.0 to 1.13.29",
    },
    "dagster._core.storage.runs.sql_run_storage:SqlRunStorage.handle_run_event": {
        "383a0e854105": "1.11.0 to 1.12.14",
        "3bdbce5dad49": "1.12.17 to 1.13.6",
        "4b2f1a2c3d04": "1.13.8 to 1.13.29",
    },
    "dagster._core.storage.runs.sql_run_storage:SqlRunStorage.has_run_stats_index_cols": {
        "c067235eeb80": "1.11.0 to 1.13.29",
    },
    "dagster._core.storage.sql:get_alembic_config": {
        "52f7762903cb": "1.11.0 to 1.12.14",
        "35f4baadabf4": "1.12.17 to 1.13.29",
    },
    "dagster._core.storage.sql:check_alembic_revision": {
        "46f61e0bda81": "1.11.0 to 1.13.29",
    },
    "dagster._core.storage.sql:stamp_alembic_rev": {
        "f6a49fcc4dd5": "1.11.0 to 1.13.29",
    },
    "alembic.command:stamp": {
        "e4398d23c29d": "1.13.0 to 1.13.0",
        "13b13dcbb153": "1.14.0 to 1.18.0",
        "4b7eb820d439": "1.19.0 to 1.20.1",
    },
    "dagster._core.definitions.inference:infer_output_props": {
        "5c7616a4a90d": "1.11.0 to 1.13.29",
    },
    "dagster._core.definitions.scoped_resources_builder:ScopedResourcesBuilder.build": {
        "085c560ed5d8": "1.11.0 to 1.12.14",
        "67ffef5f3ce0": "1.12.17 to 1.13.4",
        "4dc9b41e4f99": "1.13.6 to 1.13.29",
    },
    "dagster._core.system_config.objects:ResolvedRunConfig.build": {
        "d0114f07e842": "1.11.0 to 1.12.14",
        "161806888609": "1.12.17 to 1.13.4",
        "dc14995f5a20": "1.13.6 to 1.13.29",
    },
    "dagster._core.execution.compute_logs:mirror_stream_to_file": {
        "c8a6e1d260d7": "1.11.0 to 1.13.29",
    },
    "dagster._core.execution.compute_logs:redirect_to_file": {
        "6407a18bfe5e": "1.11.0 to 1.13.4",
        "74a649bb0425": "1.13.6 to 1.13.29",
    },
    "dagster._core.storage.local_compute_log_manager:LocalComputeLogManager.capture_logs": {
        "a700faf158c1": "1.11.0 to 1.13.29",
    },
    "dagster._core.instance.instance:DagsterInstance.has_dynamic_partition": {
        "512565d66248": "1.11.6 to 1.13.29",
    },
    "dagster._core.instance.instance:DagsterInstance.delete_dynamic_partition": {
        "81c001ede39e": "1.11.6 to 1.13.29",
    },
    "dagster._core.instance.methods.event_methods:EventMethods.handle_new_event": {
        "6651520f6725": "1.11.6 to 1.13.29",
    },
    "dagster_postgres.event_log.event_log:PostgresEventLogStorage.store_event": {
        "cb678f98bd05": "0.27.0 to 0.29.0",
        "a90a52c6b9d7": "0.29.27 to 0.29.27",
    },
}
