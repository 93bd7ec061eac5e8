"""Local workers of `imagetl run` are forked from a process that has imported all they need."""

from __future__ import annotations

import subprocess
import sys

_FORK_A_WORKER = """
import sys
from imagetl_assets.cli.preloading import fork_workers, preload

def names():
    wanted = ("imagetl_assets.definitions", "sqlalchemy", "requests", "PIL.WebPImagePlugin")
    return [name for name in wanted if name in sys.modules]

if __name__ == "__main__":
    preload()
    fork_workers()
    from distributed import LocalCluster, Client
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
        with Client(cluster) as client:
            print(client.submit(names).result(), "pandas" in sys.modules)
"""


def test_workers_are_forked_with_everything_imported() -> None:
    code = [sys.executable, "-c", _FORK_A_WORKER]
    done = subprocess.run(code, capture_output=True, text=True, timeout=120)
    wanted = ["imagetl_assets.definitions", "sqlalchemy", "requests", "PIL.WebPImagePlugin"]
    assert done.stdout == f"{wanted} False\n", done.stderr
