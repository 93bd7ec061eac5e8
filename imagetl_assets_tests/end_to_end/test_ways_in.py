"""Every way to start a run, each on a fresh instance, its steps on a real Dask cluster."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import requests

from testbed import bundles
from testbed.http_server import HttpServer
from testbed.processes import BIN, PROJECT, started, wait_for
from testbed.shell import Shell

MODULE = ("-m", "imagetl_assets.definitions")
_SETTINGS = ("DAGSTER_HOME", "DASK_SCHEDULER_ADDRESS", "IMAGETL_STORAGE", "IMAGETL_UPSTREAM")


# What needs minutes, does not end, or needs a bucket; there are tests of each.
_NOT_HERE = ("python3 -m venv", "s3://", "imagetl dev")


def test_the_commands_of_the_readme_as_they_are_written(
    shell: Shell, tmp_path: Path, server: HttpServer
) -> None:
    """But for the host of the URLs, which is this one."""
    lines = re.findall(r"^    (\S.*)$", (PROJECT / "README.md").read_text(), re.M)
    commands = [line for line in lines if ".venv/bin/" in line or line.startswith("eval")]
    commands = [line for line in commands if not any(part in line for part in _NOT_HERE)]
    commands = [line.replace("https://example.org", server.url) for line in commands]
    assert sum(server.url in line for line in commands) == 2
    server.add_file("/pictures.img", bundles.small_bundle(7))
    server.add_file("/day/", b'<a href="1.gif">1.gif</a> <a href="2.gif">2.gif</a>')
    (tmp_path / ".venv").symlink_to(BIN.parent)
    for folder in ("photos", "shots", "b"):
        (tmp_path / folder).mkdir()
    picture = bundles.tiny_frame(0)
    server.add_file("/day/1.gif", picture)
    server.add_file("/day/2.gif", picture)
    for name in ("photos/1.gif", "photos/2.gif", "shots/1.jpg"):
        (tmp_path / name).write_bytes(picture)
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.writestr("1.gif", picture)
    (tmp_path / "b" / "pictures.img").write_bytes(bundles.small_bundle(4))
    for name in ("all-images.img", "other.img"):
        shell.add_file(name, bundles.small_bundle(5))
    done = subprocess.run(
        ["bash", "-euc", "\n".join(commands)],
        env={**shell.env, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    frames = {"pictures.zip": 1, "photos": 2, "shots": 1, "b.img": 4, "all-images.img": 5}
    for name, count in {**frames, "other.img": 5, "day": 2, "pictures.img": 7}.items():
        assert len(bundles.pixels(shell.clip(name))) == count
    assert (tmp_path / "pictures.img").exists()
    assert (tmp_path / "big.img").exists()


def test_dagster_job_execute_with_config(shell: Shell, server: HttpServer) -> None:
    url = server.add_file("/x", bundles.small_bundle(5))
    config = {
        "ops": {
            "raw_data_file": {"config": {"url": url, "path": "data.img"}},
            "clip_gif": {"config": {"filename": "film.gif"}},
        }
    }
    file = shell.home / "run.yaml"
    file.write_text(json.dumps(config))
    tags = json.dumps({"dagster/partition": "config.img"})
    done = shell.run(
        "dagster", "job", "execute", *MODULE, "-j", "image_etl", "-c", str(file), "--tags", tags
    )
    assert done.returncode == 0, done.stderr
    assert len(bundles.pixels(shell.clip("config.img", "film.gif"))) == 5
    assert (shell.cluster.storage / "config.img" / "data.img").exists()


def test_the_ui(shell: Shell, server: HttpServer) -> None:
    """What the launchpad does: a run of the job, with a partition that nobody has added."""
    shell.add_file("ui.img", bundles.small_bundle(2))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    webserver = shell.command("dagster-webserver", *MODULE, "-h", "127.0.0.1", "-p", port)
    url = f"http://127.0.0.1:{port}"
    with started(webserver, shell.env, shell.home / "webserver.log"):
        wait_for(lambda: _answers(f"{url}/server_info"))
        launched = _graphql(
            url,
            """mutation ($params: ExecutionParams!) {
                launchPipelineExecution(executionParams: $params) {
                    __typename
                    ... on LaunchRunSuccess { run { runId } }
                    ... on PythonError { message }
                }
            }""",
            params={
                "selector": {
                    "repositoryLocationName": "imagetl_assets.definitions",
                    "repositoryName": "__repository__",
                    "pipelineName": "image_etl",
                },
                "mode": "default",
                "runConfigData": "{}",
                "executionMetadata": {"tags": [{"key": "dagster/partition", "value": "ui.img"}]},
            },
        )["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id = launched["run"]["runId"]
        query = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"

        def ended() -> str | None:
            status = _graphql(url, query, id=run_id)["runOrError"]["status"]
            return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

        assert wait_for(ended) == "SUCCESS"
    assert len(bundles.pixels(shell.clip("ui.img"))) == 2


def test_imagetl_run_with_nothing_but_the_package(tmp_path: Path) -> None:
    """The bundled sample, on a cluster of its own, with state and results in this folder."""
    env = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
    done = subprocess.run(
        [str(BIN / "imagetl"), "run", "--workers", "1"],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    clip = tmp_path / "storage" / "sample.img" / "clip.gif"
    assert done.stdout.splitlines()[-1] == f"clip: {clip}"
    assert "27 of 27 frames stored" in done.stderr
    assert len(bundles.pixels(clip.read_bytes())) == 27
    assert (tmp_path / ".state").is_dir()


def test_workers_of_imagetl_run_know_the_secrets_in_a_url(
    tmp_path: Path, server: HttpServer
) -> None:
    url = server.add_file("/signed.img", bundles.small_bundle(2)) + "?sig=s3cret"
    env = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
    command = [str(BIN / "imagetl"), "run", url, "--workers", "1"]
    done = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    kept = [file for folder in (".state", "storage") for file in (tmp_path / folder).rglob("*")]
    assert not any(b"s3cret" in file.read_bytes() for file in kept if file.is_file())
    assert "s3cret" not in done.stdout + done.stderr


def test_imagetl_run_of_a_url_with_options(shell: Shell, server: HttpServer) -> None:
    url = server.add_file("/by/a%20url.img", bundles.small_bundle(3))
    options = ("--filename", "film.gif", "--duration", "50", "--path", "raw.img")
    done = shell.run("imagetl", "run", f"{url}?token=s3cret", *options)
    assert done.returncode == 0, done.stderr
    assert "s3cret" not in done.stdout + done.stderr
    clip = shell.clip("a url.img", "film.gif")
    assert len(bundles.pixels(clip)) == 3
    assert bundles.timing(clip) == ({50}, 0)
    assert (shell.cluster.storage / "a url.img" / "raw.img").exists()


def test_imagetl_run_gives_urls_that_differ_in_their_query_names_of_their_own(
    shell: Shell, server: HttpServer
) -> None:
    url = server.add_file("/get", bundles.small_bundle(2))
    done = shell.run("imagetl", "run", f"{url}?id=1", "--name", "one.img")
    assert done.returncode == 0, done.stderr
    assert len(bundles.pixels(shell.clip("one.img"))) == 2
    server.add_file("/get", bundles.small_bundle(3, shade=1))
    done = shell.run("imagetl", "run", f"{url}?id=2", "--name", "one.img")
    assert done.returncode == 0, done.stderr
    assert f"note: the file that was stored before came from another URL, {url}?***" in done.stderr
    for name, problem in (("a/b", "without '/'"), ("", "the partition key is empty")):
        done = shell.run("imagetl", "run", url, "--name", name)
        assert done.returncode == 2
        assert problem in done.stderr
    done = shell.run("imagetl", "run", f"{server.url}/?id=1")
    assert done.stderr.splitlines()[-1].endswith(", or a name by --name")


def test_imagetl_run_tells_the_one_error(shell: Shell) -> None:
    bundle, offset = bundles.damaged_bundle()
    shell.add_file("damaged.img", bundle)
    done = shell.run("imagetl", "run", "damaged.img")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("imagetl: frames.find_frames failed: frame 1 at byte")
    assert f"{offset:,}" in last
    assert "Traceback" not in done.stderr
    verbose = shell.run("imagetl", "run", "damaged.img", "--verbose")
    assert verbose.returncode == 1
    assert "Stack Trace" in verbose.stderr
    assert shell.run("imagetl", "run", "a\\b").returncode == 1


def test_a_refused_connection_is_tried_three_times(shell: Shell) -> None:
    url = "http://user:s3cret@127.0.0.1:1/refused.img?sig=s3cret"
    done = shell.run("imagetl", "run", url)
    assert done.returncode == 1
    assert done.stderr.count("will be tried again in 10 s") == 2
    assert "connection refused" in done.stderr.splitlines()[-1]
    assert "s3cret" not in done.stdout + done.stderr
    assert not (shell.cluster.storage / "refused.img" / "clip.gif").exists()


def test_imagetl_sample(tmp_path: Path) -> None:
    from imagetl_assets.cli import main
    from imagetl_assets.sample import sample_bytes

    assert main(["sample", "-n", "3", "-o", str(tmp_path / "s.img")]) == 0
    assert (tmp_path / "s.img").read_bytes() == sample_bytes(3)
    assert main(["sample", "-o", str(tmp_path / "no" / "s.img")]) == 1


def test_two_bundles_at_the_same_moment(shell: Shell) -> None:
    names = {
        "moment-1.img": bundles.small_bundle(9, shade=1),
        "moment-2.img": bundles.small_bundle(7, 2),
    }
    for name, bundle in names.items():
        shell.add_file(name, bundle)
    runs = [
        subprocess.Popen(
            shell.command("imagetl", "run", name),
            env=shell.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for name in names
    ]
    for run in runs:
        _, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors.decode()
    for name, bundle in names.items():
        frames = [bundles.pixels(frame)[0] for frame in bundles.pieces(bundle)]
        assert bundles.pixels(shell.clip(name)) == frames


def test_a_killed_run_spoils_nothing(shell: Shell) -> None:
    old = bundles.small_bundle(4, shade=1)
    shell.add_file("killed.img", old)
    assert shell.run("imagetl", "run", "killed.img").returncode == 0
    folder = shell.cluster.storage / "killed.img"
    before = {path.name: path.read_bytes() for path in (folder / "frames").iterdir()}
    clip = shell.clip("killed.img")
    shell.add_file("killed.img", bundles.small_bundle(60, shade=2))
    run = subprocess.Popen(shell.command("imagetl", "run", "killed.img"), env=shell.env)
    wait_for(lambda: list(folder.glob(".imagetl/work/*/frames/*.gif")))
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert {path.name: path.read_bytes() for path in (folder / "frames").iterdir()} == before
    assert shell.clip("killed.img") == clip
    assert shell.run("imagetl", "run", "killed.img").returncode == 0
    assert len(bundles.pixels(shell.clip("killed.img"))) == 60
    assert len(list((folder / "frames").iterdir())) == 60


def test_a_worker_that_would_write_elsewhere_fails(shell: Shell) -> None:
    shell.add_file("elsewhere.img", bundles.small_bundle())
    done = shell.run("imagetl", "run", "elsewhere.img", IMAGETL_STORAGE=str(shell.home / "mine"))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert str(shell.home / "mine") in last
    assert str(shell.cluster.storage) in last


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def _graphql(url: str, query: str, **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    answer = requests.post(f"{url}/graphql", json=body, timeout=60).json()
    assert "errors" not in answer, answer
    return answer["data"]
