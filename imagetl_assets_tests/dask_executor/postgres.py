"""A PostgreSQL server of the tests' own, from the package pgserver, that can be restarted."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest


@dataclass
class Postgres:
    """A server that listens on TCP; whoever reaches it may do everything."""

    server: Any  # pgserver's, which has made the data folder, and the user where this one is root
    host: str
    port: int

    @property
    def url(self) -> str:
        # The driver of dagster-postgres; SQLAlchemy has another default from 2.1 on.
        return f"postgresql+psycopg2://postgres:@{self.host}:{self.port}/postgres"

    @property
    def storage(self) -> dict[str, Any]:
        """For a dagster.yaml."""
        return {"postgres": {"postgres_url": self.url}}

    @property
    def process(self) -> psutil.Process:
        """The server's first process, of which all others are children."""
        pid = int((self.server.pgdata / "postmaster.pid").read_text().split()[0])
        return psutil.Process(pid)

    def start(self) -> None:
        """Returns when it answers."""
        options = f"-h {self.host} -p {self.port} -k ''"
        self._pg_ctl("-w", "-l", str(self.server.log), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """In the mode `immediate`, it is as if the server had crashed."""
        self._pg_ctl("-w", "-m", mode, "stop")

    def _pg_ctl(self, *arguments: str) -> None:
        pgserver: Any = import_module("pgserver")
        data, user = self.server.pgdata, self.server.system_user
        pgserver.pg_ctl(list(arguments), pgdata=data, user=user, timeout=60)


@contextmanager
def postgres(host: str = "127.0.0.1") -> Iterator[Postgres]:
    """Run a server while the block runs. Skips the test if there is none to be run."""
    pytest.importorskip("dagster_postgres")
    pgserver = pytest.importorskip("pgserver", reason="needs PostgreSQL: pip install pgserver")
    # Not in a folder of pytest's, which other users than this one cannot enter.
    with TemporaryDirectory() as folder:
        server = pgserver.get_server(folder, cleanup_mode=None)
        running = Postgres(server, host, _free_port(host))
        with Path(folder, "pg_hba.conf").open("a") as clients:
            clients.write("host all all samenet trust\n")
        running.stop()  # so far, it listened on a socket in the file system
        running.start()
        try:
            yield running
        finally:
            running.stop("immediate")


def _free_port(host: str) -> int:
    with socket.socket() as free:
        free.bind((host, 0))
        return int(free.getsockname()[1])
