"""`imagetl dev`: everything in one command, on loopback, and nothing left of it afterwards."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import psutil
import pytest
import requests

from imagetl_assets.cli.dev import is_loaded
from testbed.http_server import HttpServer
from testbed.imagetl_dev import running
from testbed.processes import wait_for


def test_dev(tmp_path: Path) -> None:
    with running(tmp_path) as dev:
        assert requests.get(f"{dev.dagster}/server_info", timeout=10).ok
        assert requests.get(dev.dashboard, timeout=10).ok
        assert dev.storage_uri == dev.storage.as_uri()
        processes = _family(dev.process.pid)
        names = " ".join(" ".join(process.cmdline()) for process in processes)
        assert "dagster_webserver" in names
        assert "dagster._daemon" in names
        assert _addresses(processes) == {"127.0.0.1"}
        assert dev.stop() == 0
        wait_for(lambda: not any(process.is_running() for process in processes), 30)


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
