"""The settings of all processes of the trial, in a file that a shell can read."""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path

from testbed.ports import free_ports

DEPLOY = Path(__file__).parents[1]
HOST = "127.0.0.1"


def new_settings() -> dict[str, str]:
    """Return settings with free ports and secrets of their own; what the environment says counts.

    TRIAL_OWNS names what has to be started, besides Dagster and Dask: the store and the database,
    unless the environment leads to others.
    """
    ui, code, scheduler, dashboard, store_port = free_ports(5)
    store = {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{store_port}",
        "AWS_ACCESS_KEY_ID": secrets.token_hex(10),
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    owns = ["store", "database"]
    if os.environ.get("AWS_ENDPOINT_URL"):
        store = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        owns.remove("store")
    if os.environ.get("DAGSTER_POSTGRES_URL"):
        owns.remove("database")
    settings = {
        "DAGSTER_POSTGRES_URL": "",  # known once the database runs
        "IMAGETL_UI_PORT": str(ui),
        "IMAGETL_CODE_PORT": str(code),
        "DASK_SCHEDULER_ADDRESS": f"tcp://{HOST}:{scheduler}",
        "DASK_DASHBOARD_ADDRESS": f"{HOST}:{dashboard}",
        "IMAGETL_STORAGE": "s3://imagetl/results",
        "IMAGETL_UPSTREAM": "s3://imagetl/upstream",
        "IMAGETL_LOGS_BUCKET": "imagetl",
    }
    given = {name: os.environ[name] for name in settings if os.environ.get(name)}
    return {
        **settings,
        **given,
        **store,
        "IMAGETL_UI_HOST": HOST,
        "IMAGETL_CODE_HOST": HOST,
        "DASK_WORKER_HOST": HOST,
        "DASK_WORKERS": "1",  # in each of two folders
        "TRIAL_OWNS": " ".join(owns),
    }


def load(file: Path) -> dict[str, str]:
    """Return the settings in a file."""
    assignments = shlex.split(file.read_text())
    return dict(assignment.split("=", 1) for assignment in assignments)


def save(settings: Mapping[str, str], file: Path) -> None:
    """Write the settings to a file that nobody else can read."""
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
        for name, value in settings.items():
            out.write(f"{name}={shlex.quote(value)}\n")
