"""What is remembered between steps, and for how long."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from dagster import DagsterInstance, DynamicPartitionsDefinition

from imagetl_assets.dask_executor import lookups

FILES = DynamicPartitionsDefinition(name="files")


def _instance(folder: Path) -> DagsterInstance:
    folder.mkdir(exist_ok=True)
    return DagsterInstance.local_temp(str(folder), overrides={"telemetry": {"enabled": False}})


def test_dagster_uses_the_kept_connections(tmp_path: Path) -> None:
    lookups.keep_sqlite_connections()
    with _instance(tmp_path) as instance:
        before = lookups.sqlite_engine.cache_info().hits
        instance.get_runs()
        instance.has_dynamic_partition("files", "a")
        assert lookups.sqlite_engine.cache_info().hits > before + 1


def test_a_folder_that_was_deleted_and_made_anew_is_noticed(tmp_path: Path) -> None:
    lookups.keep_sqlite_connections()
    home = tmp_path / "home"
    with _instance(home) as instance:
        instance.add_dynamic_partitions("files", ["a"])
        assert instance.has_dynamic_partition("files", "a")
    shutil.rmtree(home)
    time.sleep(lookups.KEPT_SECONDS + 0.1)
    with _instance(home) as instance:
        assert not instance.has_dynamic_partition("files", "a")


def test_a_partition_that_another_process_deletes_is_noticed(tmp_path: Path) -> None:
    with _instance(tmp_path) as other, _instance(tmp_path) as instance:
        lookups.remember_partitions(instance)
        other.add_dynamic_partitions("files", ["a"])
        assert instance.has_dynamic_partition("files", "a")
        other.delete_dynamic_partition("files", "a")
        time.sleep(lookups.KEPT_SECONDS + 0.1)
        assert not instance.has_dynamic_partition("files", "a")


def test_own_changes_of_partitions_are_seen_at_once(tmp_path: Path) -> None:
    with _instance(tmp_path) as instance:
        lookups.remember_partitions(instance)
        assert not instance.has_dynamic_partition("files", "a")
        instance.add_dynamic_partitions("files", ["a"])
        assert instance.has_dynamic_partition("files", "a")
        instance.delete_dynamic_partition("files", "a")
        assert not instance.has_dynamic_partition("files", "a")


def test_dagster_asks_the_instance_for_partitions(tmp_path: Path) -> None:
    with _instance(tmp_path) as instance:
        asked: list[str] = []

        def has_dynamic_partition(partitions_def_name: str, partition_key: str) -> bool:
            asked.append(partition_key)
            return True

        instance.has_dynamic_partition = has_dynamic_partition  # type: ignore[method-assign]
        assert FILES.has_partition_key("a", dynamic_partitions_store=instance)
        assert asked == ["a"]
