"""Runs over several files, and backfills."""

from __future__ import annotations

import time

import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    ExecuteInProcessResult,
    JobDefinition,
    in_process_executor,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from imagetl_assets.definitions import define
from imagetl_assets.mapped_steps import MAX_MAPPED_STEPS
from testbed import bundles
from testbed.http_server import HttpServer, file
from testbed.pipeline import Pipeline
from testbed.shell import Shell


def add_files(pipeline: Pipeline, server: HttpServer, count: int) -> list[str]:
    names = [f"{i:03d}.img" for i in range(count)]
    for i, name in enumerate(names):
        server.add_file(f"/{name}", bundles.small_bundle(2 + i % 3, shade=i))
    pipeline.instance.add_dynamic_partitions("upstream_files", names)
    return names


def run_range(pipeline: Pipeline, names: list[str], **config: object) -> ExecuteInProcessResult:
    return run_job_for(pipeline, names, whole_job(pipeline), **config)


def whole_job(pipeline: Pipeline) -> JobDefinition:
    """Return the job of all assets and checks."""
    definitions = define(str(pipeline.root), pipeline.upstream, in_process_executor)
    return definitions.resolve_implicit_global_asset_job_def()


def run_job_for(
    pipeline: Pipeline, names: list[str], job: JobDefinition, **config: object
) -> ExecuteInProcessResult:
    """Run a job for all files between the first and the last of these, in one run."""
    return job.execute_in_process(
        instance=pipeline.instance,
        tags={
            ASSET_PARTITION_RANGE_START_TAG: names[0],
            ASSET_PARTITION_RANGE_END_TAG: names[-1],
        },
        run_config={
            "ops": config,
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        raise_on_error=False,
    )


def failure_of(result: ExecuteInProcessResult) -> str:
    """Return the description of the failure of the last steps, which all say the same."""
    failures = [e.step_failure_data.user_failure_data for e in result.get_step_failure_events()]
    (description,) = {failure.description for failure in failures if failure is not None}
    assert all(failures)
    return str(description)


def test_one_run_for_several_files(pipeline: Pipeline, server: HttpServer) -> None:
    names = add_files(pipeline, server, 5)
    result = run_range(pipeline, names[1:4])
    assert result.success
    for i, name in enumerate(names):
        folder = pipeline.file("", name)
        assert folder.exists() is (1 <= i < 4)
    frames = [bundles.pixels(f)[0] for f in bundles.pieces(bundles.small_bundle(4, shade=2))]
    assert bundles.pixels(pipeline.file("clip.gif", "002.img").read_bytes()) == frames
    for asset in ("raw_data_file", "frames", "frame_files", "clip_gif"):
        done = pipeline.instance.get_materialized_partitions(AssetKey(asset))
        assert done == set(names[1:4])
    assert all(check.passed for check in result.get_asset_check_evaluations())


def test_the_number_of_mapped_steps_has_its_limit(pipeline: Pipeline, server: HttpServer) -> None:
    names = add_files(pipeline, server, 50)
    result = run_range(pipeline, names)
    assert result.success
    stored = [e for e in result.get_step_success_events() if "store_frames[" in str(e.step_key)]
    assert len(stored) <= MAX_MAPPED_STEPS
    assert len(list(pipeline.root.glob("*/clip.gif"))) == 50


@pytest.mark.parametrize("others", [1, 81])
def test_each_message_names_the_file(pipeline: Pipeline, server: HttpServer, others: int) -> None:
    """Also if the mapped step with the damaged frame, the last one, has frames of one file only."""
    names = add_files(pipeline, server, 2)
    whole = [bundles.tiny_frame(number) for number in range(others)]
    bad = b"\n\n\n\n".join([*whole, b"junk", bundles.bad_pixels()])
    server.answers["/001.img"] = file(bad)
    skip = {"config": {"on_damaged_frame": "skip", "frames_per_step": 40}}
    result = run_range(pipeline, names, frames=skip)
    assert result.success
    steps = [
        e.step_key for e in result.get_step_success_events() if "store_frames[" in str(e.step_key)
    ]
    assert len(steps) == (1 if others == 1 else 2)
    entries = pipeline.instance.all_logs(result.run_id)
    told = [entry.user_message for entry in entries if entry.level == 30]
    assert [text.partition(" at byte")[0] for text in told] == [
        f"001.img: frame {others}",
        f"001.img: frame {others + 1}",
    ]
    server.answers["/001.img"] = file(bad.replace(b"junk\n\n\n\n", b""))
    result = run_range(pipeline, names, frames={"config": {"frames_per_step": 40}})
    assert f"1 of 2 files failed: 001.img: frame {others} at byte" in failure_of(result)


def test_a_url_is_for_one_file(pipeline: Pipeline, server: HttpServer) -> None:
    names = add_files(pipeline, server, 2)
    url = f"{server.url}/000.img"
    result = run_range(pipeline, names, raw_data_file={"config": {"url": url}})
    assert not result.success


def test_a_run_of_many_takes_a_fifth_of_the_time_of_many_runs(shell: Shell) -> None:
    """With real processes and a real cluster."""
    names = [f"many-{i:02d}.img" for i in range(40)]
    for i, name in enumerate(names):
        shell.add_file(name, bundles.small_bundle(2, shade=i))
    started = time.monotonic()
    assert shell.run("imagetl", "run", names[0]).returncode == 0
    one = time.monotonic() - started
    with DagsterInstance.from_config(str(shell.home)) as instance:
        instance.add_dynamic_partitions("upstream_files", names[1:])
    materialize = ("asset", "materialize", "-m", "imagetl_assets.definitions", "--select", "*")
    started = time.monotonic()
    done = shell.run("dagster", *materialize, "--partition-range", f"{names[0]}...{names[-1]}")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < one * len(names) / 5
    assert all(len(bundles.pixels(shell.clip(name))) == 2 for name in names)


def test_a_backfill_is_one_run() -> None:
    definitions = define("storage", "upstream", in_process_executor)
    graph = definitions.resolve_asset_graph()
    for name in ("raw_data_file", "frames", "frame_files", "clip_gif"):
        policy = graph.get(AssetKey(name)).backfill_policy
        assert policy is not None
        assert policy.max_partitions_per_run is None
