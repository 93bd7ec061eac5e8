"""Slurm on this host alone: its controller, one node that runs jobs, and munge, which it needs."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from testbed.ports import free_ports
from testbed.processes import started, wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel")
_PATH = f"{os.environ['PATH']}:/usr/sbin"
_CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_min_interval=1
SlurmdParameters=config_overrides
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> list[str]:
    """Return the programs that are not installed, or what else keeps Slurm from running."""
    programs = [name for name in PROGRAMS if not shutil.which(name, path=_PATH)]
    return programs or ([] if os.geteuid() == 0 else ["root, as whom it starts jobs"])


@contextmanager
def slurm(folder: Path) -> Iterator[Mapping[str, str]]:
    """Start Slurm with its files in this folder; yields the environment for its commands."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    controller_port, node_port = free_ports(2)
    config = folder / "slurm.conf"
    config.write_text(
        _CONFIG.format(
            host=socket.gethostname().partition(".")[0],
            controller_port=controller_port,
            node_port=node_port,
            folder=folder,
            user="root",
        )
    )
    env = {**os.environ, "PATH": _PATH, "SLURM_CONF": str(config)}
    places = {"key-file": "key", "seed-file": "seed", "pid-file": "pid", "log-file": "log"}
    options = [f"--{option}={folder}/munge.{name}" for option, name in places.items()]
    socket_file = folder / "munge.socket"
    commands = {
        "munged": ["munged", "-F", "--force", f"--socket={socket_file}", *options],
        "slurmctld": ["slurmctld", "-D", "-c"],
        "slurmd": ["slurmd", "-D"],
    }
    with ExitStack() as stack:
        for name, command in commands.items():
            stack.enter_context(started(command, env, folder / f"{name}.out"))
            if name == "munged":
                wait_for(socket_file.exists)
        yield {"PATH": _PATH, "SLURM_CONF": str(config)}
