"""The command line of the trial."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deploy.trial.errors import TrialError
from deploy.trial.settings import DEPLOY, HOST
from deploy.trial.store import SAMPLE
from deploy.trial.trial import Trial


def main() -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.trial",
        description="A whole deployment on this machine: database, object store, Dask scheduler, "
        "workers, code location, webserver and daemon. All listen on loopback only.",
    )
    parser.add_argument("command", choices=_COMMANDS)
    parser.add_argument(
        "--folder",
        type=Path,
        default=DEPLOY.parent / ".trial",
        help="where all that it keeps is (default: %(default)s)",
    )
    args = parser.parse_args()
    try:
        return _COMMANDS[args.command](Trial(args.folder.absolute()))
    except TrialError as error:
        print(f"imagetl trial: {error}", file=sys.stderr)
        return 1


def _start(trial: Trial) -> int:
    settings = trial.start()
    print(f"""
  Dagster         http://{HOST}:{settings["IMAGETL_UI_PORT"]}
  Dask dashboard  http://{settings["DASK_DASHBOARD_ADDRESS"]}/status
  storage         {settings["IMAGETL_STORAGE"]} at {settings["AWS_ENDPOINT_URL"]}
  logs            {trial.folder}/*.log

{SAMPLE} is upstream. To take it to a clip:

    set -a; . {trial.env_file}; set +a
    dagster job launch -w {DEPLOY}/workspace.yaml -j image_etl \\
      --tags '{{"dagster/partition": "{SAMPLE}"}}'
""")
    return 0


def _status(trial: Trial) -> int:
    """Say what runs; return 0 if all of it does."""
    if not trial.env_file.exists():
        print("nothing was started")
        return 1
    parts = list(trial.status())
    for name, pid, address in parts:
        print(f"{name:10} {pid or 'does not run':<13} {address}".rstrip())
    return int(any(pid is None for _, pid, _ in parts))


def _stop(trial: Trial) -> int:
    trial.stop()
    return 0


_COMMANDS = {"start": _start, "status": _status, "stop": _stop}

if __name__ == "__main__":
    sys.exit(main())
