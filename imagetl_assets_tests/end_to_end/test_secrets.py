"""Secrets in settings are nowhere in what Dagster stores and shows, compressed or not."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from testbed import bundles
from testbed.http_server import HttpServer
from testbed.processes import PROJECT

SECRET = "s3cret-of-the-tests"
MODULE = "imagetl_assets.definitions"


@pytest.fixture
def environment(tmp_path: Path, server: HttpServer) -> dict[str, str]:
    """Settings whose URLs hold user, password and a signature."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    base = server.url.replace("//", f"//user:{SECRET}@")
    return {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "DAGSTER_HOME": str(home),
        "IMAGETL_STORAGE": str(tmp_path / "storage"),
        "IMAGETL_UPSTREAM": f"{base}?X-Amz-Signature={SECRET}",
        "IMAGETL_NOTIFY_URLS": f"json://user:{SECRET}@127.0.0.1:9/",
    }


@pytest.mark.parametrize("works", [True, False])
def test_a_run_stores_no_secret_of_its_settings(
    works: bool, environment: dict[str, str], server: HttpServer, tmp_path: Path
) -> None:
    if works:
        server.add_file("/a.img", bundles.small_bundle())
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", MODULE, "-j", "image_etl"]
    tags = ["--tags", '{"dagster/partition": "a.img"}']
    process = subprocess.Popen(
        [*command, *tags],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    commands = command_lines(process)
    output, _ = process.communicate(timeout=200)
    assert (process.returncode == 0) is works, output
    assert SECRET not in output
    assert SECRET not in commands
    found = [name for name, data in stored(tmp_path) if SECRET.encode() in data]
    assert found == []
    snapshots = [data for name, data in stored(tmp_path) if name.endswith(", snapshots")]
    assert any(b"IMAGETL_UPSTREAM" in data for data in snapshots)  # they were looked at


def test_what_the_ui_is_given_of_the_definitions_holds_no_secret(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment["IMAGETL_STORAGE"] = f"s3://key:{SECRET}@bucket/results"
    code = (
        "from dagster._core.remote_representation.external_data import RepositorySnap\n"
        "from dagster._serdes import serialize_value\n"
        f"from {MODULE} import defs\n"
        "repository = defs.get_repository_def()\n"
        "print(serialize_value(RepositorySnap.from_def(repository)))\n"
        "for job in repository.get_all_jobs():\n"
        "    print(serialize_value(job.get_job_snapshot()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "IMAGETL_UPSTREAM" in done.stdout
    assert SECRET not in done.stdout
    assert SECRET not in done.stderr


def command_lines(process: subprocess.Popen[str]) -> str:
    """Return the command lines of a process and its children, as `ps` shows them, while it runs."""
    lines: set[str] = set()
    while process.poll() is None:
        try:
            root = psutil.Process(process.pid)
            lines.update(" ".join(one.cmdline()) for one in [root, *root.children(recursive=True)])
            process.wait(0.2)
        except (psutil.Error, subprocess.TimeoutExpired):
            pass
        if len(lines) > 4:
            break
    return "\n".join(lines)


def stored(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the content of all files; of databases, each value, decompressed if it can be."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes()
            if path.suffix == ".db":
                yield from values(path)


def values(database: Path) -> Iterator[tuple[str, bytes]]:
    """Yield all texts and blobs of an SQLite database."""
    with closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    data = value.encode() if isinstance(value, str) else value
                    if isinstance(data, bytes):
                        yield f"{database.name}, {table}", decompressed(data)


def decompressed(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return data
