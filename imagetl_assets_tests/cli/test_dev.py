"""`imagetl dev`: everything in one command, on loopback, and nothing left of it afterwards."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import psutil
import pytest
import requests
import yaml
from dagster import DagsterInstance

from imagetl_assets.cli import dev
from imagetl_assets.cli.dev import free_port, home_of_dagster, is_loaded
from imagetl_assets.dask_executor.run_launcher import WatchedRunLauncher
from testbed.http_server import HttpServer
from testbed.imagetl_dev import NEW_FILE, running
from testbed.processes import BIN, PROJECT, wait_for

_BLOCK = """
  Dagster
  Dask dashboard
  upstream
  storage
  history
  documentation

Ctrl-C stops all of it.
"""


def test_dev(tmp_path: Path) -> None:
    with running(tmp_path) as dev:
        assert requests.get(f"{dev.dagster}/server_info", timeout=10).ok
        assert requests.get(dev.dashboard, timeout=10).ok
        for page in _documentation(dev.dagster):
            assert "<h1 " in requests.get(page, timeout=10).text
        assert dev.storage_uri == dev.storage.as_uri()
        block = (tmp_path / "dev.log").read_text()
        assert re.sub(r" {2,}\S+$", "", block, flags=re.M) == _BLOCK  # and nothing of Dagster's
        sample = shlex.split(NEW_FILE)
        subprocess.run([BIN / sample[0], *sample[1:]], cwd=tmp_path, check=True)
        wait_for((dev.storage / "new.img" / "clip.gif").exists, 120)  # by the sensor
        processes = _family(dev.process.pid)
        names = " ".join(" ".join(process.cmdline()) for process in processes)
        assert "dagster_webserver" in names
        assert "dagster._daemon" in names
        assert _addresses(processes) == {"127.0.0.1"}
        assert dev.stop() == 0
        wait_for(lambda: not any(process.is_running() for process in processes), 30)


def test_killed_it_takes_all_of_its_processes_with_it(tmp_path: Path) -> None:
    """Also those of Dagster, which has sessions and process groups of its own."""
    with running(tmp_path, killed=True) as dev:
        processes = _family(dev.process.pid)
        assert len(processes) > 6
        dev.process.kill()
        wait_for(lambda: not any(_is_alive(process) for process in processes), 30)


def test_a_port_that_is_taken_is_avoided(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        free = free_port("127.0.0.1", port)
    assert free not in (0, port)
    assert f"port {port}: address already in use; using {free} instead" in capfd.readouterr().err


def test_no_proxy_is_asked_for_the_ui(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a proxy for everything, and no exception for this machine."""
    statuses = {"locationStatusesOrError": {"entries": [{"loadStatus": "LOADED"}]}}
    answered: list[str] = []

    class Ui(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answered.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"data": statuses}).encode())

    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with HTTPServer(("127.0.0.1", 0), Ui) as ui:
        Thread(target=ui.handle_request, daemon=True).start()
        assert is_loaded(f"http://127.0.0.1:{ui.server_port}")
    assert answered == ["/graphql"]
    assert server.requests == []


def _documentation(url: str) -> list[str]:
    """Return the page that each asset links to."""
    query = "{ assetNodes { metadataEntries { label ... on UrlMetadataEntry { url } } } }"
    answer = requests.post(f"{url}/graphql", json={"query": query}, timeout=10).json()
    links = [
        {entry["label"]: entry.get("url") for entry in node["metadataEntries"]}
        for node in answer["data"]["assetNodes"]
    ]
    return [link["documentation"] for link in links]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _addresses(processes: list[psutil.Process]) -> set[str]:
    """Return the addresses that the processes listen on."""
    return {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def test_settings_of_its_own_where_there_is_no_dagster_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ".state" / "dagster.yaml"
    assert home_of_dagster() == file.parent
    default = yaml.safe_load(file.read_text())
    with DagsterInstance.from_config(str(file.parent)) as instance:
        assert isinstance(instance.run_launcher, WatchedRunLauncher)
    file.write_text("telemetry: {enabled: false}")
    home_of_dagster()
    assert yaml.safe_load(file.read_text()) != default  # what is there is kept
    (tmp_path / "dagster.yaml").write_text("nux: {enabled: false}")
    home_of_dagster()
    assert yaml.safe_load(file.read_text()) == {"nux": {"enabled": False}}
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    assert home_of_dagster() == tmp_path / "home"
    assert yaml.safe_load((tmp_path / "home" / "dagster.yaml").read_text()) == default


@pytest.mark.parametrize("file", ["dagster.yaml", "deploy/dagster.yaml"])
def test_all_dagster_yaml_say_the_same(file: str) -> None:
    """But for where state and logs are kept."""
    default = yaml.safe_load(Path(dev.__file__).with_name("dagster.yaml").read_text())
    settings = yaml.safe_load((PROJECT / file).read_text())
    assert {name: settings.get(name) for name in default} == default
    assert settings.keys() - default.keys() <= {
        "storage",
        "local_artifact_storage",
        "compute_logs",
    }
