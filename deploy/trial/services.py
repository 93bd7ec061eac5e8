"""Which processes there are, in which order they start, and how to tell that one is ready."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests

from deploy.trial.settings import DEPLOY, HOST
from imagetl_assets.cli.dev import is_loaded
from testbed.object_store import moto_command

WORKERS = ("worker-1", "worker-2")
_DAEMONS = """{ instance { daemonHealth { allDaemonStatuses {
    required lastHeartbeatTime lastHeartbeatErrors { message }
} } } }"""


@dataclass(frozen=True)
class Service:
    """A process of the trial.

    Attributes:
        settings: what it needs of the environment.
        is_ready: whether it does its work; is told when the process was started.
        address: where it is, for people.
    """

    name: str
    command: Sequence[str]
    settings: Mapping[str, str]
    is_ready: Callable[[float], bool]
    address: str = ""


def stages(settings: Mapping[str, str]) -> list[list[Service]]:
    """Return the services; those of a stage need the stages before it."""
    scheduler, store = settings["DASK_SCHEDULER_ADDRESS"], settings["AWS_ENDPOINT_URL"]
    code = f"grpc://{settings['IMAGETL_CODE_HOST']}:{settings['IMAGETL_CODE_PORT']}"
    ui = f"http://{HOST}:{settings['IMAGETL_UI_PORT']}"

    def serve(name: str, is_ready: Callable[[float], bool], address: str = "") -> Service:
        # A deploy/env is not for the trial.
        env = {**settings, "IMAGETL_ENV": os.devnull}
        return Service(name, [str(DEPLOY / "serve"), name.split("-")[0]], env, is_ready, address)

    stages = [
        [serve("scheduler", lambda started_at: answers(scheduler), scheduler)],
        [
            *(serve(name, partial(_has_workers, scheduler)) for name in WORKERS),
            serve("code", lambda started_at: answers(code), code),
        ],
        [
            serve("webserver", lambda started_at: is_loaded(ui), ui),
            serve("daemon", partial(_beats, ui)),
        ],
    ]
    if "store" in settings["TRIAL_OWNS"]:
        command = moto_command(HOST, urlsplit(store).port or 80)
        stages[0].append(Service("store", command, {}, lambda started_at: answers(store), store))
    return stages


def answers(address: str) -> bool:
    """Return whether something listens at this address."""
    url = urlsplit(address)
    with suppress(OSError), socket.create_connection((url.hostname, url.port or 80), 1):
        return True
    return False


def _has_workers(address: str, started_at: float) -> bool:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        return len(client.scheduler_info()["workers"]) == len(WORKERS)


def _beats(ui: str, started_at: float) -> bool:
    """Tell whether each daemon has given a sign of life since it was started."""
    with suppress(requests.RequestException):
        answer: Any = requests.post(f"{ui}/graphql", json={"query": _DAEMONS}, timeout=5).json()
        daemons = answer["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]
        return all(
            (daemon["lastHeartbeatTime"] or 0) > started_at
            for daemon in daemons
            if daemon["required"]
        )
    return False
