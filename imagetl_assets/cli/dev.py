"""`imagetl dev`: a Dask cluster, the Dagster UI and the Dagster daemon, until Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from imagetl_assets.cli.checked_settings import check_clips
from imagetl_assets.cli.instance import STATE_FOLDER, dagster_home, make_databases
from imagetl_assets.cli.interrupts import held_back, remembered

_POLL_SECONDS = 0.2
_SETTINGS = "dagster.yaml"
_STATUSES = """{
    locationStatusesOrError { ... on WorkspaceLocationStatusEntries { entries { loadStatus } } }
}"""


@dataclass(frozen=True)
class DevOptions:
    """Where the servers listen, and how many workers there are. Port 0 means any free one."""

    host: str
    port: int
    dashboard_port: int
    files_port: int
    workers: int


def dev(options: DevOptions) -> int:
    """Run all of it in the foreground; return 0 once it was stopped by a signal.

    Raises:
        click.ClickException: it cannot be started.
    """
    check_clips()
    host = options.host
    port, dashboard_port = free_port(host, options.port), free_port(host, options.dashboard_port)
    home, url = home_of_dagster(), f"http://{host}:{port}"
    with remembered() as interrupts, _files(options):
        make_databases(home)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # it is looked at below
        with (
            _cluster(options, dashboard_port) as cluster,
            _dagster(host, port, _env(cluster, url, home)) as dagster,
        ):
            told = False
            while interrupts.number is None and dagster.poll() is None:
                if not told and is_loaded(url):
                    _say_where(url, cluster.dashboard_link, home)
                    told = True
                time.sleep(_POLL_SECONDS)
            code = dagster.poll()
            if code is None:
                print("Stopping ...", flush=True)
    if code is None:
        return 0
    raise click.ClickException(f"Dagster ended by itself, with code {code}")


@contextmanager
def _files(options: DevOptions) -> Iterator[None]:
    """Serve the documentation, and the storage if it is a folder, unless somebody else does.

    The environment tells Dagster and the workers where.
    """
    from imagetl_assets.cli.docs_pages import docs_folder
    from imagetl_assets.cli.file_server import DOCS_PATH, file_server
    from imagetl_assets.settings import docs_url, files_url, storage_root
    from imagetl_assets.storage import root_name

    root = root_name(storage_root())
    folder = None if "://" in root or files_url() else Path(root)
    with_docs = docs_folder() is not None and not docs_url()
    if folder is None and not with_docs:
        yield
        return
    port = free_port(options.host, options.files_port)
    url = f"http://{options.host}:{port}"
    if folder is not None:
        os.environ["IMAGETL_FILES_URL"] = url
    if with_docs:
        os.environ["IMAGETL_DOCS_URL"] = f"{url}{DOCS_PATH}/docs"
    with file_server(folder, options.host, port):
        yield


@contextmanager
def _cluster(options: DevOptions, dashboard_port: int) -> Iterator[Any]:
    """Run a Dask cluster. Its processes do not see Ctrl-C: they are stopped when the block ends."""
    from distributed import LocalCluster

    from imagetl_assets.dask_executor.clusters.worker_settings import set_worker_defaults

    set_worker_defaults()
    with held_back():
        cluster = LocalCluster(
            host=options.host,
            dashboard_address=f"{options.host}:{dashboard_port}",
            n_workers=options.workers,
            threads_per_worker=1,
        )
    with cluster:
        yield cluster


@contextmanager
def _dagster(host: str, port: int, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run `dagster dev`. It is stopped when the block ends, and when this process dies."""
    python, tied = sys.executable, "imagetl_assets.cli.tied"
    where = ["-h", host, "-p", str(port), "--log-level", "error"]
    dagster = [python, "-m", "dagster", "dev", "-m", "imagetl_assets.definitions", *where]
    process = subprocess.Popen(
        [python, "-m", tied, *dagster],
        env=env,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()  # which tells it to stop
        process.wait()


def home_of_dagster() -> Path:
    """Return the folder of Dagster's state, which has a dagster.yaml then.

    Without DAGSTER_HOME, it is a folder here, which gets the dagster.yaml that is here. Where there
    is none, the settings that the project brings are written.
    """
    home = dagster_home()
    if home is None:
        home = Path(STATE_FOLDER).absolute()
        home.mkdir(exist_ok=True)
        if Path(_SETTINGS).exists():
            shutil.copyfile(_SETTINGS, home / _SETTINGS)
    if not (home / _SETTINGS).exists():
        shutil.copyfile(Path(__file__).with_name(_SETTINGS), home / _SETTINGS)
    return home


def _env(cluster: Any, url: str, home: Path) -> dict[str, str]:
    """Return the environment for Dagster. What the user has set is kept."""
    defaults = {
        "IMAGETL_UI_URL": url,
        "IMAGETL_DASHBOARD_URL": cluster.dashboard_link,
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    quiet = "ignore:Function `dev_command` is superseded"  # by a command of another package
    fixed = {
        "DASK_SCHEDULER_ADDRESS": cluster.scheduler_address,
        "DAGSTER_HOME": str(home),
        "PYTHONWARNINGS": ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), quiet])),
    }
    return {**defaults, **os.environ, **fixed}


def free_port(host: str, port: int) -> int:
    """Return the port to listen on: this one, or another one if it is taken, and say so."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            if port == 0:
                raise click.ClickException(f"cannot listen on {host}: {error.strerror}") from None
            free = free_port(host, 0)
            reason = (error.strerror or str(error)).lower()
            click.echo(f"port {port}: {reason}; using {free} instead", err=True)
            return free
        return int(listening.getsockname()[1])


def is_loaded(url: str) -> bool:
    """Return whether the UI at `url` answers and has the definitions."""
    import requests

    with suppress(requests.RequestException):  # it does not answer yet
        with requests.Session() as session:
            session.trust_env = False  # no proxy can reach what is on this machine
            answer = session.post(f"{url}/graphql", json={"query": _STATUSES}, timeout=5).json()
        entries = answer["data"]["locationStatusesOrError"]["entries"]
        return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)
    return False


def _say_where(url: str, dashboard: str, home: Path) -> None:
    from imagetl_assets.redact import redact_url
    from imagetl_assets.settings import docs_url, storage_root, upstream_base
    from imagetl_assets.storage import root_name

    storage = root_name(storage_root())
    if "://" not in storage:
        storage = Path(storage).as_uri()
    print(f"\n  Dagster         {url}")
    print(f"  Dask dashboard  {dashboard}")
    print(f"  upstream        {redact_url(upstream_base())}")
    print(f"  storage         {storage}")
    print(f"  history         {home.as_uri()}")
    if docs := docs_url():
        print(f"  documentation   {docs}/README.md")
    print("\nCtrl-C stops all of it.", flush=True)
