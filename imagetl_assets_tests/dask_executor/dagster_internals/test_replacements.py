"""Private parts of Dagster are replaced only where they are those that this was written for."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterInvariantViolationError

import imagetl_assets.dask_executor
from imagetl_assets.dask_executor.dagster_internals import replacing
from imagetl_assets.dask_executor.dagster_internals.digests import DIGESTS
from imagetl_assets.dask_executor.dagster_internals.replacement import Replacement
from imagetl_assets.dask_executor.dagster_internals.replacing import (
    VARIABLE,
    digest,
    digest_of_source,
    left_out,
    resolve,
    why_left_out,
)
from imagetl_assets.dask_executor.dagster_internals.table import OPTIONAL, TABLE
from imagetl_assets_tests.dask_executor.jobs import dynamic_job
from testbed.dagster_runs import run_job
from testbed.dask_cluster import DaskProcesses
from testbed.histories import entries, histories
from testbed.processes import PROJECT

PACKAGE = Path(imagetl_assets.dask_executor.__file__).parent
TESTS = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _decided_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test finds out must not last: nothing is replaced or put back by these tests."""
    monkeypatch.delenv(VARIABLE, raising=False)
    why_left_out.cache_clear()
    yield
    monkeypatch.undo()
    why_left_out.cache_clear()


def in_a_new_process(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PROJECT), VARIABLE: "", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


# The table


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row_of_the_table_names_what_exists(row: Replacement) -> None:
    for target in row.written_for:
        if target not in OPTIONAL:
            assert callable(resolve(target))
    file, _, name = row.test.partition("::")
    functions = [
        node.name
        for path in TESTS.rglob(file)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    ]
    assert name in functions
    assert all((row.replaces, row.why, row.saves, row.proposal))


def test_all_digests_are_used_and_no_name_stands_twice() -> None:
    assert {target for row in TABLE for target in row.written_for} == set(DIGESTS)
    assert len({row.name for row in TABLE}) == len(TABLE)


def test_with_the_installed_versions_all_are_in_use() -> None:
    """If this fails after an upgrade: see "A new version of Dagster" in CONTRIBUTING.md."""
    command = "import runpy; runpy.run_module('{}', run_name='__main__')"
    module = "imagetl_assets.dask_executor.dagster_internals"
    told = in_a_new_process(f"import sys; sys.exit = print; {command.format(module)}")
    assert [line.split()[1:] for line in told.splitlines()[:-1]] == [["in", "use"]] * len(TABLE)
    assert left_out() == []


# The decision


def test_a_source_that_is_not_known_leaves_the_replacement_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dagster._core.system_config.objects import ResolvedRunConfig

    def build(job_def: object, run_config: object = None) -> object:
        return "that of a new version"

    monkeypatch.setattr(ResolvedRunConfig, "build", staticmethod(build))
    why = why_left_out("run-config")
    assert why is not None
    assert "another dagster._core.system_config.objects:ResolvedRunConfig.build" in why
    (line,) = left_out()
    assert "'run-config'" in line
    assert "slower" in line


def test_a_function_that_has_gone_leaves_the_replacement_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dagster._core.definitions import inference

    monkeypatch.delattr(inference, "infer_output_props")
    why = why_left_out("annotations")
    assert why is not None
    assert "no readable dagster._core.definitions.inference:infer_output_props" in why


def test_a_function_that_older_versions_lack_may_be_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dagster._core.storage.event_log import SqlEventLogStorage

    monkeypatch.delattr(SqlEventLogStorage, "_has_asset_key_col_on_connection", raising=False)
    assert why_left_out("schema") is None


def test_comments_blank_lines_and_indentation_do_not_count() -> None:
    plain = "def f():\n    return 1\n"
    assert digest_of_source("  def f():\n\n      # one\n      return 1") == digest_of_source(plain)
    assert digest_of_source("def f():\n    return 2\n") != digest_of_source(plain)
    assert digest("no.such.module:name") is None


# The switch


def test_off_leaves_out_all_that_is_about_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "off")
    for row in TABLE:
        assert (why_left_out(row.name) is None) == (row.purpose == "safety")


def test_single_ones_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "annotations, database-patience")
    left = {row.name for row in TABLE if why_left_out(row.name)}
    assert left == {"annotations", "database-patience"}


def test_a_name_that_is_none_is_told_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "anotations")
    with pytest.raises(
        DagsterInvariantViolationError, match=r"names anotations.* `on`, `off`, .* annotations, "
    ):
        why_left_out("annotations")


@pytest.mark.parametrize("setting", ["on", "ON", "", "OFF", "Annotations"])
def test_the_case_of_the_setting_does_not_count(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv(VARIABLE, setting)
    assert (why_left_out("annotations") is None) == (setting.lower() in ("on", ""))


def test_the_command_tells_what_is_wrong_in_one_line_and_may_be_read_in_part() -> None:
    command = [sys.executable, "-m", "imagetl_assets.dask_executor.dagster_internals"]
    wrong = {**os.environ, "PYTHONPATH": str(PROJECT), VARIABLE: "offf"}
    done = subprocess.run(command, env=wrong, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"{VARIABLE} names offf.*\n", done.stderr)
    with subprocess.Popen(
        command,
        env={**wrong, VARIABLE: "on"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stdout
        assert started.stderr
        started.stdout.close()  # as `head` does
        assert started.stderr.read() == ""


def test_without_replacements_nothing_of_dagster_is_changed() -> None:
    code = (
        "from dagster import DagsterInstance\n"
        "from imagetl_assets.dask_executor.worker.loading import load_instance\n"
        "from dagster._core.definitions import inference, scoped_resources_builder\n"
        "from dagster._core.storage import sql\n"
        "from dagster._core.storage.event_log.sqlite import sqlite_event_log\n"
        "with DagsterInstance.local_temp() as instance: load_instance(instance.get_ref())\n"
        "print(inference.infer_output_props.__module__, sql.ScriptDirectory.__module__,\n"
        "      scoped_resources_builder.namedtuple.__module__,\n"
        "      sqlite_event_log.create_engine.__module__)\n"
    )
    assert "imagetl" not in in_a_new_process(code, **{VARIABLE: "off"})
    assert in_a_new_process(code).count("imagetl") == 4


def test_a_run_without_replacements_is_the_same_and_says_so(
    own_cluster: Callable[..., DaskProcesses],
    instance: DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = []
    for setting in ("", "off"):
        monkeypatch.setenv(VARIABLE, setting)
        why_left_out.cache_clear()
        dask = own_cluster(1)
        config = {**dask.run_config(), "ops": {"numbers": {"config": {"count": 3}}}}
        with run_job(dynamic_job, instance, run_config=config) as result:
            assert result.success
            told = [entry.user_message for entry in entries(instance, result.run_id)]
            lines = [line for line in told if "leaves out its replacement" in line]
            found.append((histories(instance, result.run_id), len(lines)))
    (with_all, none_left), (without, all_left) = found
    assert with_all == without
    speed = [row for row in TABLE if row.purpose == "speed"]
    assert (none_left, all_left) == (0, len(speed))


# The one place


def test_only_this_folder_imports_private_parts() -> None:
    """Of Dagster, alembic or SQLAlchemy; also within functions and for types."""
    found = []
    for file in PACKAGE.rglob("*.py"):
        if file.parent.name == "dagster_internals":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            found += [
                f"{file.relative_to(PACKAGE)}: {name}"
                for name in names
                if name.startswith(("dagster._", "dagster_shared", "alembic"))
            ]
    assert found == []


def test_the_switch_is_read_by_the_same_name_everywhere() -> None:
    assert replacing.VARIABLE in (PACKAGE / "README.md").read_text()
    assert find_spec("imagetl_assets.dask_executor.dagster_internals.__main__")
