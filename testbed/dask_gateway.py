"""A server of Dask Gateway, whose clusters run on this host as this user."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from testbed.ports import free_ports
from testbed.processes import PROJECT, started, wait_for

_CONFIG = """\
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
c.DaskGateway.address = "127.0.0.1:{own_port}"
c.Proxy.address = "127.0.0.1:{port}"
c.ClusterConfig.scheduler_cmd = ["{python}", "-m", "distributed.cli.dask_scheduler"]
c.ClusterConfig.worker_cmd = ["{python}", "-m", "distributed.cli.dask_worker"]
c.ClusterConfig.environment = {{"PYTHONPATH": "{project}", "TMPDIR": "{folder}"}}
"""


@contextmanager
def dask_gateway(folder: Path) -> Iterator[str]:
    """Start a server with its files in this folder; yields its address."""
    port, own_port = free_ports(2)
    config = folder / "dask_gateway_config.py"
    places = {"python": sys.executable, "folder": folder, "project": PROJECT}
    config.write_text(_CONFIG.format(own_port=own_port, port=port, **places))
    log = folder / "gateway.log"
    command = [sys.executable, "-m", "dask_gateway_server", "-f", str(config)]
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with started(command, env, log) as process:
        wait_for(lambda: "server started" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        address = f"http://127.0.0.1:{port}"
        # Its proxy is told a moment later where to pass requests on to.
        wait_for(lambda: requests.get(f"{address}/api/v1/options").status_code != 404)
        yield address
