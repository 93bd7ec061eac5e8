"""`imagetl dev`: a Dask cluster, the Dagster UI and the Dagster daemon, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from imagetl_assets.cli.run import STATE_FOLDER

_POLL_SECONDS = 0.2
_STOP_SECONDS = 30
_STATUSES = """{
    locationStatusesOrError { ... on WorkspaceLocationStatusEntries { entries { loadStatus } } }
}"""


@dataclass(frozen=True)
class DevOptions:
    """Where the servers listen, and how many workers there are. Port 0 means any free one."""

    host: str = "127.0.0.1"
    port: int = 3000
    dashboard_port: int = 8787
    workers: int | None = None


def dev(options: DevOptions) -> int:
    """Run all of it in the foreground; return 0 once it was stopped by Ctrl-C or SIGTERM."""
    port = options.port or _free_port(options.host)
    url = f"http://{options.host}:{port}"
    with _cluster(options) as cluster, _dagster(options.host, port, _env(cluster, url)) as dagster:
        try:
            if _wait_until_loaded(url, dagster):
                _say_where(url, cluster.dashboard_link)
            code = dagster.wait()
        except KeyboardInterrupt:
            print("Stopping ...", flush=True)
            return 0
    print(f"imagetl: Dagster ended by itself, with code {code}", file=sys.stderr)
    return 1


@contextmanager
def _cluster(options: DevOptions) -> Iterator[Any]:
    """Run a Dask cluster. Its processes do not see Ctrl-C: they are stopped when the block ends."""
    from distributed import LocalCluster

    from imagetl_assets.dask_executor.clusters.worker_settings import set_worker_defaults

    set_worker_defaults()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which processes inherit
    try:
        cluster = LocalCluster(
            host=options.host,
            dashboard_address=f"{options.host}:{options.dashboard_port}",
            n_workers=options.workers or min(4, os.cpu_count() or 1),
            threads_per_worker=1,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with cluster:
        yield cluster


@contextmanager
def _dagster(host: str, port: int, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run `dagster dev`, in a session of its own so that Ctrl-C reaches it once."""
    command = ["-m", "dagster", "dev", "-m", "imagetl_assets.definitions"]
    process = subprocess.Popen(
        [sys.executable, *command, "-h", host, "-p", str(port)], env=env, start_new_session=True
    )
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _env(cluster: Any, url: str) -> dict[str, str]:
    """Return the environment for Dagster. What the user has set is kept."""
    defaults = {"IMAGETL_UI_URL": url, "DAGSTER_DISABLE_TELEMETRY": "1"}
    env = {**defaults, **os.environ, "DASK_SCHEDULER_ADDRESS": cluster.scheduler_address}
    if "DAGSTER_HOME" not in env and not Path("dagster.yaml").exists():
        home = Path(STATE_FOLDER).absolute()  # else Dagster would forget everything when it ends
        home.mkdir(exist_ok=True)
        env["DAGSTER_HOME"] = str(home)
    return env


def _free_port(host: str) -> int:
    import socket

    with socket.socket() as listening:
        listening.bind((host, 0))
        return int(listening.getsockname()[1])


def _wait_until_loaded(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Return True once the UI has the definitions, or False if its process has ended."""
    while process.poll() is None:
        if is_loaded(url):
            return True
        time.sleep(_POLL_SECONDS)
    return False


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


def _say_where(url: str, dashboard: str) -> None:
    from imagetl_assets.settings import storage_root
    from imagetl_assets.storage import root_name

    storage = root_name(storage_root())
    if "://" not in storage:
        storage = Path(storage).as_uri()
    print(f"\n  Dagster         {url}")
    print(f"  Dask dashboard  {dashboard}")
    print(f"  storage         {storage}")
    print("\nCtrl-C stops all of it.", flush=True)
