"""`imagetl dev`: everything in one command, on loopback, and nothing left of it afterwards."""

from __future__ import annotations

from pathlib import Path

import psutil
import requests

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
