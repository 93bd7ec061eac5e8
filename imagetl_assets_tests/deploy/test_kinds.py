"""Clusters that are started for a run: over SSH, by a batch system, and in Kubernetes."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
from dagster import DagsterInstance

from imagetl_assets.dask_executor.clusters.kinds import KINDS
from imagetl_assets_tests.dask_executor.jobs_graphs import diamond_job
from testbed import slurm
from testbed.dagster_runs import run_job
from testbed.ports import free_ports
from testbed.processes import PROJECT, started, wait_for

pytestmark = pytest.mark.timeout(600)

SSHD_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
SetEnv PYTHONPATH={project}
"""
# In place of Slurm, where that is not installed. A job runs here, at once; its file may be gone by
# then.
SBATCH = """\
#!/bin/bash
script=$(cat "$1")
bash -c "$script" >> "$0.log" 2>&1 &
echo "Submitted batch job $!"
"""
SCANCEL = """\
#!/bin/bash
kill "$@"
"""


def run_on(cluster: dict[str, Any], instance: DagsterInstance) -> Any:
    config = {"cluster": cluster, "worker_timeout": 240}
    return run_job(diamond_job, instance, run_config={"execution": {"config": config}})


def dask_processes() -> set[int]:
    """Return the pids of all schedulers and workers that this process is the origin of."""
    children = psutil.Process().children(recursive=True)
    return {child.pid for child in children if "distributed.cli" in " ".join(child.cmdline())}


# SSH


@dataclass(frozen=True)
class SshServer:
    """Lets this user in, with a key of its own."""

    process: subprocess.Popen[bytes]
    connect_options: dict[str, Any]


@pytest.fixture
def ssh_server(tmp_path: Path) -> Iterator[SshServer]:
    pytest.importorskip("asyncssh", reason="needs asyncssh: pip install -e '.[ssh]'")
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if not sshd:
        pytest.skip("needs sshd: apt-get install openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it locks itself in
    for name in ("host_key", "client_key"):
        key = tmp_path / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    (port,) = free_ports(1)
    config = tmp_path / "sshd_config"
    config.write_text(SSHD_CONFIG.format(port=port, folder=tmp_path, project=PROJECT))
    public = (tmp_path / "host_key.pub").read_text()
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    log = tmp_path / "sshd.log"
    with started([sshd, "-D", "-e", "-f", str(config)], os.environ, log) as process:
        wait_for(lambda: "Server listening" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        options = {
            "port": port,
            "username": getpass.getuser(),
            "client_keys": [str(tmp_path / "client_key")],
            "known_hosts": str(tmp_path / "known_hosts"),
        }
        yield SshServer(process, options)


def test_a_cluster_over_ssh(ssh_server: SshServer, instance: DagsterInstance) -> None:
    cluster = {
        "ssh": {
            "hosts": ["127.0.0.1", "127.0.0.1"],  # of the scheduler, and of a worker
            "connect_options": ssh_server.connect_options,
            "scheduler_options": {"port": 0, "dashboard_address": "127.0.0.1:0"},
            "worker_options": {"nthreads": 1},
            "remote_python": sys.executable,
        }
    }
    with run_on(cluster, instance) as result:
        assert result.success
    # Dask ends the connections, and what ran at the other end ends with them.
    sessions = psutil.Process(ssh_server.process.pid)
    wait_for(lambda: not sessions.children(recursive=True))


# Batch systems


@pytest.fixture
def batch_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real Slurm, or a stand-in where it is not installed. Yields where its jobs write to."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    if not slurm.missing():
        with slurm.slurm(folder) as env:
            for name, value in env.items():
                monkeypatch.setenv(name, value)
            yield folder / "jobs.log"
        return
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    yield folder / "sbatch.log"


def test_a_cluster_of_jobs_that_are_submitted(
    batch_system: Path, instance: DagsterInstance
) -> None:
    pytest.importorskip("dask_jobqueue", reason="needs dask-jobqueue: pip install '.[jobqueue]'")
    options = {"cores": 1, "processes": 1, "memory": "1GB", "n_workers": 2}
    network = {"interface": "lo", "scheduler_options": {"dashboard_address": "127.0.0.1:0"}}
    output = {"job_extra_directives": [f"--output={batch_system}", "--open-mode=append"]}
    before = dask_processes()  # of other tests
    with run_on({"slurm": {**options, **network, **output}}, instance) as result:
        assert result.success
    assert "Registered to:" in batch_system.read_text()
    wait_for(lambda: dask_processes() <= before)


@pytest.mark.parametrize("kind", ["pbs", "moab", "sge", "lsf", "slurm", "oar"])
def test_the_job_that_each_batch_system_would_be_given_starts_a_worker(kind: str) -> None:
    jobqueue = pytest.importorskip("dask_jobqueue")
    cluster = getattr(jobqueue, KINDS[kind].class_name)(
        cores=1,
        processes=1,
        memory="1GB",
        interface="lo",
        scheduler_options={"dashboard_address": "127.0.0.1:0"},
    )
    with cluster:
        script = cluster.job_script()
    assert f"dask_worker {cluster.scheduler_address}" in script
    assert "--nthreads 1 " in script


# Kubernetes


def test_the_class_for_kubernetes_is_there() -> None:
    if not find_spec("dask_kubernetes"):
        pytest.skip("needs dask-kubernetes: pip install -e '.[kubernetes]'")
    module, name = KINDS["kube"].module, KINDS["kube"].class_name
    assert hasattr(pytest.importorskip(module), name)
