"""A run in a process of its own that is stopped where it is told to.

    python -m imagetl_assets_tests.end_to_end.stopping_run FOLDER UPSTREAM STORAGE MODULE:FUNCTION

It stops (SIGSTOP) when the function is called for the first time, prints how the run ended once it
goes on, and exits with 1 if the run failed.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

from dagster import DagsterInstance

from testbed.pipeline import Pipeline


def stop_at(place: str) -> None:
    """Have this process stop when a function, or a method, is called for the first time."""
    module, _, path = place.partition(":")
    owner: Any = importlib.import_module(module)
    *owners, name = path.split(".")
    for part in owners:
        owner = getattr(owner, part)
    function, pending = getattr(owner, name), [True]

    def stopping(*args: Any, **options: Any) -> Any:
        if pending:
            pending.clear()
            os.kill(os.getpid(), signal.SIGSTOP)
        return function(*args, **options)

    setattr(owner, name, stopping)


def main() -> None:
    folder, upstream, storage, place = sys.argv[1:]
    stop_at(place)
    with DagsterInstance.ephemeral() as instance:
        outcome = Pipeline(Path(folder), upstream, instance, storage).run()
        if outcome.success:
            sys.exit(0)
        for event in outcome.result.get_step_failure_events():
            data = event.step_failure_data
            print(f"{event.step_key}: {data.user_failure_data or data.error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
