"""A PostgreSQL server from the package pgserver, which can be stopped and started again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from testbed import NotHere
from testbed.ports import LOOPBACK, free_ports


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
def postgres(host: str = LOOPBACK) -> Iterator[Postgres]:
    """Run a server while the block runs.

    Raises:
        NotHere: there is none to be run.
    """
    for name in ("dagster_postgres", "pgserver"):
        if find_spec(name) is None:
            raise NotHere(f"needs PostgreSQL: the package {name} is not installed")
    pgserver: Any = import_module("pgserver")
    # Not in a folder of a test, which other users than this one cannot enter.
    with TemporaryDirectory() as folder:
        server = pgserver.get_server(folder, cleanup_mode=None)
        running = Postgres(server, host, free_ports(1, host)[0])
        with Path(folder, "pg_hba.conf").open("a") as clients:
            clients.write("host all all samenet trust\n")
        running.stop()  # so far, it listened on a socket in the file system
        running.start()
        try:
            yield running
        finally:
            running.stop("immediate")
