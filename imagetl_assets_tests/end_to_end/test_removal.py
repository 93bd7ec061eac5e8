"""A file is removed with all that belongs to it, and a name that was mistyped leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import DagsterInstance, in_process_executor

from imagetl_assets.definitions import define
from imagetl_assets.removal import CannotRemove, remove_file
from imagetl_assets.storage import open_store
from testbed import bundles
from testbed.http_server import HttpServer
from testbed.pipeline import Pipeline
from testbed.shell import Shell


def partitions(instance: DagsterInstance) -> list[str]:
    return list(instance.get_dynamic_partitions("upstream_files"))


def test_a_name_that_was_mistyped_is_no_partition(pipeline: Pipeline, server: HttpServer) -> None:
    assert not pipeline.run("nope.img").success
    assert partitions(pipeline.instance) == []
    server.add_file("/a.img", bundles.small_bundle())
    assert pipeline.run("a.img").success
    assert partitions(pipeline.instance) == ["a.img"]


def test_a_file_that_is_stored_is_known_to_a_new_instance(
    pipeline: Pipeline, server: HttpServer
) -> None:
    server.add_file("/a.img", bundles.small_bundle())
    assert pipeline.run("a.img").success
    pipeline.instance.delete_dynamic_partition("upstream_files", "a.img")
    server.answers.clear()
    assert not pipeline.run("a.img").success
    assert partitions(pipeline.instance) == ["a.img"]


def remove_in_ui(pipeline: Pipeline, name: str) -> bool:
    definitions = define(str(pipeline.root), pipeline.upstream, in_process_executor)
    done = definitions.resolve_job_def("remove_upstream_file").execute_in_process(
        instance=pipeline.instance,
        run_config={"ops": {"remove": {"config": {"file": name}}}},
        raise_on_error=False,
    )
    return bool(done.success)


def test_the_job_removes_it(pipeline: Pipeline, server: HttpServer) -> None:
    for name in ("a.img", "b.img"):
        server.add_file(f"/{name}", bundles.small_bundle())
        assert pipeline.run(name).success
    assert remove_in_ui(pipeline, "a.img")
    assert partitions(pipeline.instance) == ["b.img"]
    assert not (pipeline.root / "a.img").exists()
    assert pipeline.file("clip.gif", "b.img").exists()
    assert not remove_in_ui(pipeline, "a.img")
    assert not remove_in_ui(pipeline, "../b.img")
    assert pipeline.run("a.img").success


def test_not_while_a_run_is_at_work(pipeline: Pipeline, server: HttpServer) -> None:
    server.add_file("/a.img", bundles.small_bundle())
    assert pipeline.run("a.img").success
    definitions = define(str(pipeline.root), pipeline.upstream, in_process_executor)
    job = definitions.resolve_job_def("image_etl")
    run = pipeline.instance.create_run_for_job(job, tags={"dagster/partition": "a.img"})
    with pytest.raises(CannotRemove, match=f"run {run.run_id} of a.img is not over"):
        remove_file(pipeline.instance, open_store(str(pipeline.root)), "a.img")
    assert pipeline.file("clip.gif", "a.img").exists()


def test_the_command(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "b"
    folder.mkdir(parents=True)
    for path, shade in ((tmp_path / "in" / "same.img", 1), (folder / "same.img", 2)):
        path.write_bytes(bundles.small_bundle(shade=shade))
    first, second = str(tmp_path / "in" / "same.img"), str(folder / "same.img")
    assert shell.run("imagetl", "run", first).returncode == 0
    clip = shell.clip("same.img")
    refused = shell.run("imagetl", "run", second)
    assert refused.returncode == 1
    assert "there are results of another same.img, from " in refused.stderr
    assert shell.clip("same.img") == clip
    assert shell.run("imagetl", "run", second, "--replace").returncode == 0
    assert shell.clip("same.img") != clip
    assert shell.run("imagetl", "remove", "same.img", "--yes").returncode == 0
    assert not (shell.cluster.storage / "same.img").exists()
    gone = shell.run("imagetl", "remove", "same.img")  # it is told without being asked for first
    assert gone.returncode == 1
    assert gone.stderr.startswith("imagetl: there is no same.img in")
