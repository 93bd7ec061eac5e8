"""What is remembered between steps, and for how long."""

from __future__ import annotations

import time
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import (
    AssetMaterialization,
    DagsterInstance,
    DynamicPartitionsDefinition,
    StringSource,
    job,
    op,
)
from dagster._core.definitions import inference, scoped_resources_builder
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction
from dagster._core.definitions.scoped_resources_builder import ScopedResourcesBuilder
from dagster._core.system_config.objects import ResolvedRunConfig

from imagetl_assets.dask_executor.dagster_internals import lookups

FILES = DynamicPartitionsDefinition(name="files")


def _instance(folder: Path) -> DagsterInstance:
    folder.mkdir(exist_ok=True)
    return DagsterInstance.local_temp(str(folder), overrides={"telemetry": {"enabled": False}})


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


@op(config_schema={"word": StringSource})
def say() -> None: ...


@job
def saying() -> None:
    say()


def test_a_runs_config_is_resolved_once_and_another_runs_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ResolvedRunConfig, "build", staticmethod(ResolvedRunConfig.build))
    lookups.remember_run_configs()
    config = {"ops": {"say": {"config": {"word": {"env": "A_WORD"}}}}}
    monkeypatch.setenv("A_WORD", "one")
    first = ResolvedRunConfig.build(saying, config)
    monkeypatch.setenv("A_WORD", "two")
    assert ResolvedRunConfig.build(saying, config) is first
    assert first.ops["say"].config == {"word": "one"}
    other = ResolvedRunConfig.build(saying, dict(config))
    assert other.ops["say"].config == {"word": "two"}


def test_few_configs_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ResolvedRunConfig, "build", staticmethod(ResolvedRunConfig.build))
    lookups.remember_run_configs()
    config = {"ops": {"say": {"config": {"word": "one"}}}}
    first = ResolvedRunConfig.build(saying, config)
    for _ in range(lookups.MAX_RUN_CONFIGS):
        ResolvedRunConfig.build(saying, dict(config))
    assert ResolvedRunConfig.build(saying, config) is not first


def test_resources_of_the_same_names_have_the_same_base_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scoped_resources_builder, "namedtuple", namedtuple)
    lookups.remember_resource_types()
    one, two = (
        ScopedResourcesBuilder({"a": value, "b": 0}).build({"a"}) for value in ("one", "two")
    )
    assert type(one).__bases__[0] is type(two).__bases__[0]
    assert (one.a, two.a) == ("one", "two")
    assert two.original_resource_dict == {"a": "two"}


class _Storage:
    """A storage in which a migration makes a table."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def has_table(self, table_name: str) -> bool:
        self.asked.append(table_name)
        return self.asked.count(table_name) > 1


def test_what_a_database_has_is_looked_up_until_it_is_there() -> None:
    storage = _Storage()
    instance: Any = SimpleNamespace(run_storage=_Storage(), event_log_storage=storage)
    for _ in range(2):
        lookups.remember_schema(instance)
    assert [storage.has_table(name) for name in ("late", "late", "late")] == [False, True, True]
    assert not storage.has_table("other")
    assert storage.asked == ["late", "late", "other"]


def test_dagster_asks_the_storages_what_they_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the methods that are replaced, each once for a name."""
    asked: list[tuple[str, Any]] = []

    def count(storage: Any, method: str) -> None:
        look = getattr(type(storage), method)

        def counting_look(self: Any, *args: Any) -> Any:
            asked.append((method, args[-1:]))
            return look(self, *args)

        monkeypatch.setattr(type(storage), method, counting_look)

    with _instance(tmp_path) as instance:
        looks = {
            "has_run_stats_index_cols": instance.run_storage,
            "has_table": instance.event_log_storage,
            "_has_asset_key_col_on_connection": instance.event_log_storage,
        }
        # Not all versions of Dagster have the last one.
        looks = {name: storage for name, storage in looks.items() if hasattr(storage, name)}
        for name, storage in looks.items():
            count(storage, name)
        lookups.remember_schema(instance)
        for _ in range(2):
            instance.get_run_records()
            assert instance.event_log_storage.supports_asset_checks
            instance.report_runless_asset_event(AssetMaterialization("a"))
    assert {method for method, _ in asked} == set(looks)
    assert len(asked) == len(set(asked))


def test_annotations_of_a_function_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    infer, asked = inference.infer_output_props, []

    def counting_infer(fn: Any) -> Any:
        asked.append(fn)
        return infer(fn)

    monkeypatch.setattr(inference, "infer_output_props", counting_infer)
    lookups.remember_annotations()

    def count() -> int:
        """Counts."""
        return 1

    function = DecoratedOpFunction(decorated_fn=count)
    assert [function.get_output_annotation() for _ in range(3)] == [int] * 3
    assert asked == [count]
