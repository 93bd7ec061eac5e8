"""What it takes to watch very many files, and to take them to their clips for the first time.

    python -m benchmarks.sensor ticks 50000     CPU seconds of a look, and the size of the cursor
    python -m benchmarks.sensor pass 200 25     files an hour, with 25 files in a run

The first pass is that of a real daemon, with a cluster of 2 workers; each file has 27 frames. What
is told of it is the time from the start of the daemon to the last clip.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from dagster import (
    DagsterInstance,
    DagsterRun,
    SensorDefinition,
    build_sensor_context,
    in_process_executor,
)

from imagetl_assets.automation.sensor import NAME
from imagetl_assets.definitions import define
from imagetl_assets.sample import sample_bytes
from imagetl_assets.settings import AutomationSettings
from testbed.ports import free_ports
from testbed.processes import BIN, PROJECT, started

WORKERS = 2
FRAMES = 27
LOOKS = 5


def measure_ticks(files: int, root: Path) -> None:
    """Print what a look takes, once a run was requested for each of the files."""
    upstream = root / "upstream"
    upstream.mkdir()
    for number in range(files):
        (upstream / f"picture-of-the-day-{number:06}.img").write_bytes(b"x")
    (root / "home").mkdir()
    # All at the second look, in one run that is never created, so that nothing else is measured.
    settings = AutomationSettings(runs_per_tick=2, files_per_run=files)
    with DagsterInstance.local_temp(str(root / "home")) as instance:
        defs = define(str(root / "storage"), str(upstream), in_process_executor, settings)
        cursor: str | None = None
        for look in range(LOOKS):
            begun = time.process_time()
            with build_sensor_context(
                instance=instance, cursor=cursor, repository_def=defs.get_repository_def()
            ) as context:
                sensor: SensorDefinition = defs.resolve_sensor_def(NAME)
                data = sensor.evaluate_tick(context)
            cursor = data.cursor
            seconds = time.process_time() - begun
            requests = data.run_requests or []
            for request in requests:
                run = DagsterRun(job_name=request.job_name or "", tags=request.tags)
                instance.add_run(run)
            print(
                f"look {look + 1}: {seconds:.2f} s CPU, cursor of {len(cursor or '')} bytes, "
                f"{len(requests)} requests"
            )


def measure_pass(files: int, files_per_run: int, root: Path) -> None:
    """Print how long the first pass over the files takes."""
    upstream, home, storage = root / "upstream", root / "home", root / "storage"
    upstream.mkdir()
    home.mkdir()
    shutil.copy(PROJECT / "dagster.yaml", home)
    bundle = sample_bytes(FRAMES)
    for number in range(files):
        (upstream / f"{number:06}.img").write_bytes(bundle)
    address = f"tcp://127.0.0.1:{free_ports(1)[0]}"
    env = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DASK_SCHEDULER_ADDRESS": address,
        "IMAGETL_UPSTREAM": str(upstream),
        "IMAGETL_STORAGE": str(storage),
        "IMAGETL_FILES_PER_RUN": str(files_per_run),
        "IMAGETL_RUNS_PER_TICK": "4",
    }
    worker = [str(BIN / "dask"), "worker", address, "--nthreads", "1", "--no-dashboard"]
    scheduler = [str(BIN / "dask"), "scheduler", "--host", address, "--no-dashboard"]
    daemon = [str(BIN / "dagster-daemon"), "run", "-m", "imagetl_assets.definitions"]
    with ExitStack() as stack:
        stack.enter_context(started(scheduler, env, root / "scheduler.log"))
        for number in range(WORKERS):
            stack.enter_context(started(worker, env, root / f"worker{number}.log"))
        stack.enter_context(started(daemon, env, root / "daemon.log"))
        begun = time.monotonic()
        while len(list(storage.glob("*/clip.gif"))) < files:
            time.sleep(0.5)
        seconds = time.monotonic() - begun
        print(f"{files} files, {files_per_run} in a run: {seconds / files:.2f} s a file")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["ticks", "pass"])
    parser.add_argument("files", type=int)
    parser.add_argument("files_per_run", type=int, nargs="?", default=25)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as root:
        if args.what == "ticks":
            measure_ticks(args.files, Path(root))
        else:
            measure_pass(args.files, args.files_per_run, Path(root))


if __name__ == "__main__":
    main()
